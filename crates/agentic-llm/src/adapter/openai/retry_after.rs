//! When the server says that it may be asked again.

use std::time::{Duration, UNIX_EPOCH};

use agentic_core::Timestamp;
use http::header::HeaderMap;

/// The longest wait that is believed: a day.
const LONGEST: f64 = 24.0 * 3600.0;

/// Reads `retry-after-ms`, else `Retry-After` (RFC 9110, section 10.2.3) as seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |value: f64| value.is_finite().then(|| Duration::from_secs_f64(value.clamp(0.0, LONGEST)));
    if let Some(millis) = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        return seconds(millis / 1000.0);
    }
    let value = text("retry-after")?;
    if let Ok(value) = value.parse::<f64>() {
        return seconds(value);
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let wait = date.saturating_sub(Duration::from_millis(now.as_millis()));
    seconds(wait.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{HeaderName, HeaderValue};

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], expected: Option<u64>) {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        // Sunday, 6 November 1994, 08:49:37 GMT, as in RFC 9110.
        let now = Timestamp::from_millis(784_111_777_000);
        assert_eq!(retry_after(&headers, now), expected.map(Duration::from_millis));
    }

    #[test]
    fn all_forms_are_read() {
        check(&[], None);
        check(&[("retry-after", "7")], Some(7_000));
        check(&[("retry-after", "0.25")], Some(250));
        check(&[("retry-after-ms", "1500"), ("retry-after", "2")], Some(1_500));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], Some(30_000));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT")], Some(0));
    }

    #[test]
    fn nonsense_is_no_wait_and_no_panic() {
        check(&[("retry-after", "soon")], None);
        check(&[("retry-after", "-3")], Some(0));
        check(&[("retry-after", "NaN")], None);
        check(&[("retry-after", "1e300")], Some(24 * 3600 * 1000));
    }
}
