//! Amounts of money in text, compared in cents.

/// `12.05` for 1205.
pub(crate) fn shown(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The amounts that a text names with cents, such as `1,234.56`, in order.
pub(crate) fn all(text: &str) -> Vec<u64> {
    let mut amounts = Vec::new();
    let mut number = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_digit() || matches!(c, '.' | ',') {
            number.push(c);
            continue;
        }
        amounts.extend(cents(number.trim_end_matches(['.', ','])));
        number.clear();
    }
    amounts
}

/// Whether an answer gives this total: it names it, and no greater amount.
pub(crate) fn gives_total(answer: &str, total: u64) -> bool {
    all(answer).into_iter().max() == Some(total)
}

/// An amount with one or two decimals; anything else is no amount.
fn cents(number: &str) -> Option<u64> {
    let (whole, fraction) = number.rsplit_once('.')?;
    let whole: u64 = whole.replace(',', "").parse().ok()?;
    let fraction: u64 = match fraction.len() {
        1 => fraction.parse::<u64>().ok()? * 10,
        2 => fraction.parse().ok()?,
        _ => return None,
    };
    whole.checked_mul(100)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::{all, gives_total, shown};

    #[test]
    fn amounts_are_found_in_prose() {
        assert_eq!(all("12.30 EUR, $1,234.56 and 7.5; due 2026-03-01, no. 42."), [1230, 123_456, 750]);
        assert_eq!(all("The total is 634.14."), [63_414]);
        assert_eq!(all("1.2.3.4 and 12.345 are none"), [] as [u64; 0]);
        assert_eq!(shown(1205), "12.05");
    }

    #[test]
    fn a_total_is_the_greatest_amount() {
        assert!(gives_total("10.00 + 5.50 = 15.50", 1550));
        assert!(!gives_total("between 15.50 and 16.00", 1550));
        assert!(!gives_total("about fifteen", 1550));
    }
}
