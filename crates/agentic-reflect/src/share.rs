//! A share of all, and how sure it is.

use std::fmt;

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// So many.
    pub hits: u32,
    /// Of so many.
    pub of: u32,
}

impl Share {
    /// One more, a hit or not.
    pub fn add(&mut self, hit: bool) {
        self.hits += u32::from(hit);
        self.of += 1;
    }

    /// The share, 0 to 1; of none it is 0.
    pub fn value(self) -> f64 {
        if self.of == 0 { 0.0 } else { f64::from(self.hits) / f64::from(self.of) }
    }

    /// Between which shares the true one lies in 95 of 100 cases: the score interval (Wilson 1927), which holds for few cases
    /// and shares near 0 or 1 too.
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (f64::from(self.of), self.value());
        let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }
}

/// `14 of 20, 0.70 (0.48 to 0.85)`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.interval();
        write!(f, "{} of {}, {:.2} ({low:.2} to {high:.2})", self.hits, self.of, self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn shares_say_how_sure_they_are() {
        assert_eq!(Share { hits: 14, of: 20 }.to_string(), "14 of 20, 0.70 (0.48 to 0.85)");
        assert_eq!(Share { hits: 0, of: 10 }.to_string(), "0 of 10, 0.00 (0.00 to 0.28)");
        assert_eq!(Share::default().to_string(), "0 of 0, 0.00 (0.00 to 1.00)");
    }
}
