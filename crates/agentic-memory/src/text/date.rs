//! Points in time as people write them.

use agentic_core::Timestamp;

pub(crate) fn is_month(word: &str) -> bool {
    MONTHS.contains(&word)
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The day in UTC, as `8 May 2023`.
pub(crate) fn date(time: Timestamp) -> String {
    // Days into eras of 400 years that begin in March, so that the leap day is the last of a year; H. Hinnant,
    // "chrono-Compatible Low-Level Date Algorithms", 2013.
    let days = time.as_millis() / 86_400_000 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march = (5 * day + 2) / 153;
    let day = day - (153 * march + 2) / 5 + 1;
    let month = (march + 2) % 12;
    let year = era * 400 + year + u64::from(month < 2);
    format!("{day} {} {year}", MONTHS[month as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (millis, expected) in [
            (0, "1 January 1970"),
            (951_782_400_000, "29 February 2000"),
            (1_683_550_800_000, "8 May 2023"),
            (1_704_067_199_999, "31 December 2023"),
            (1_704_067_200_000, "1 January 2024"),
            (4_107_542_400_000, "1 March 2100"),
        ] {
            assert_eq!(date(Timestamp::from_millis(millis)), expected);
        }
        assert!(!date(Timestamp::from_millis(u64::MAX)).is_empty());
    }
}
