//! Exact rational numbers of bounded size, with the few functions that leave them.

use std::cmp::Ordering;

use agentic_core::{ToolError, ToolErrorKind};
use num_bigint::BigInt;
use num_integer::Roots as _;
use num_rational::BigRational;
use num_traits::{FromPrimitive as _, One as _, Signed as _, ToPrimitive as _, Zero as _};

/// Bits of a numerator or denominator: 2,400 digits.
const MAX_BITS: u64 = 8_192;
/// Decimals of a result that has more.
const DECIMALS: usize = 15;
/// Decimals of a result that comes from a function of floating point.
const FLOAT_DECIMALS: usize = 10;
/// Decimals of a root before it is shown.
const ROOT_DECIMALS: u32 = 40;
/// Digits of a result.
const MAX_DIGITS: usize = 1_000;

/// A number, and whether something on its way was not exact.
#[derive(Clone, Debug)]
pub(super) struct Number {
    value: BigRational,
    precision: Precision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Exact,
    /// A root, to [`ROOT_DECIMALS`].
    Root,
    /// A function of floating point.
    Float,
}

type Result<T = Number> = std::result::Result<T, ToolError>;

impl Number {
    /// Reads digits with at most one point and one exponent.
    pub(super) fn parse(text: &str) -> Result {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{decimals}");
        let exponent: i64 = exponent.parse().map_err(|_| too_large())?;
        let shift = exponent - i64::try_from(decimals.len()).map_err(|_| too_large())?;
        // Checked before it is made: a power of ten has 3.3 bits for each of its zeros.
        if digits.len() as u64 * 3 > MAX_BITS || shift.unsigned_abs() * 3 > MAX_BITS {
            return Err(too_large());
        }
        let digits: BigInt = digits.parse().map_err(|_| ToolError::invalid(format!("`{text}` is no number")))?;
        let power = i32::try_from(shift).map_err(|_| too_large())?;
        let ten = BigRational::from_integer(10.into());
        Self::exact(BigRational::from_integer(digits) * num_traits::Pow::pow(ten, power))
    }

    pub(super) fn integer(value: usize) -> Self {
        Self { value: BigRational::from_integer(value.into()), precision: Precision::Exact }
    }

    fn new(value: BigRational, precision: Precision) -> Result {
        let number = Self { value, precision };
        if number.bits() > MAX_BITS { Err(too_large()) } else { Ok(number) }
    }

    fn exact(value: BigRational) -> Result {
        Self::new(value, Precision::Exact)
    }

    pub(super) fn float(value: f64) -> Result {
        match BigRational::from_f64(value) {
            Some(value) => Self::new(value, Precision::Float),
            None if value.is_nan() => Err(not_real()),
            None => Err(too_large()),
        }
    }

    fn to_float(&self) -> Result<f64> {
        self.value.to_f64().filter(|value| value.is_finite()).ok_or_else(too_large)
    }

    fn with(&self, other: &Self, value: BigRational) -> Result {
        Self::new(value, self.precision.max(other.precision))
    }

    /// How large it is, in bits.
    pub(super) fn bits(&self) -> u64 {
        self.value.numer().bits().max(self.value.denom().bits())
    }

    pub(super) fn add(&self, other: &Self) -> Result {
        self.with(other, &self.value + &other.value)
    }

    pub(super) fn subtract(&self, other: &Self) -> Result {
        self.with(other, &self.value - &other.value)
    }

    pub(super) fn multiply(&self, other: &Self) -> Result {
        self.with(other, &self.value * &other.value)
    }

    pub(super) fn divide(&self, other: &Self) -> Result {
        if other.value.is_zero() {
            return Err(ToolError::failed("division by zero; there is no result"));
        }
        self.with(other, &self.value / &other.value)
    }

    /// What is left of whole multiples, with the sign of `other`.
    pub(super) fn modulo(&self, other: &Self) -> Result {
        if other.value.is_zero() {
            return Err(ToolError::failed("the remainder of a division by zero; there is no result"));
        }
        let whole = (&self.value / &other.value).floor();
        self.with(other, &self.value - &other.value * whole)
    }

    pub(super) fn negate(&self) -> Self {
        Self { value: -self.value.clone(), precision: self.precision }
    }

    pub(super) fn percent(&self) -> Result {
        self.divide(&Self::integer(100))
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }

    pub(super) fn factorial(&self) -> Result {
        let n = self.value.to_integer().to_u32().filter(|_| self.value.is_integer());
        let n = n.ok_or_else(|| ToolError::invalid("a factorial is of a whole number from 0 on"))?;
        let mut product = BigInt::one();
        for factor in 2..=n {
            product *= factor;
            if product.bits() > MAX_BITS {
                return Err(too_large());
            }
        }
        Self::new(BigRational::from_integer(product), self.precision)
    }

    pub(super) fn power(&self, exponent: &Self) -> Result {
        let precision = self.precision.max(exponent.precision);
        if self.value.is_zero() && !exponent.value.is_positive() {
            let message = "zero to the power of zero or of a negative number; there is no result";
            return Err(ToolError::failed(message));
        }
        if self.value.is_one() || self.value.is_zero() {
            return Ok(self.clone());
        }
        if let Some(whole) = exponent.value.to_integer().to_i32().filter(|_| exponent.value.is_integer())
            && self.bits().saturating_mul(u64::from(whole.unsigned_abs())) <= MAX_BITS
        {
            return Self::new(num_traits::Pow::pow(self.value.clone(), whole), precision);
        }
        let (numer, denom) = (exponent.value.numer(), exponent.value.denom());
        if numer.is_one() && let Some(degree) = denom.to_u32().filter(|degree| *degree <= 8) {
            return self.root(degree);
        }
        Self::float(self.to_float()?.powf(exponent.to_float()?))
    }

    /// The root of this degree: exact if it is rational.
    pub(super) fn root(&self, degree: u32) -> Result {
        if self.value.is_negative() && degree.is_multiple_of(2) {
            return Err(not_real());
        }
        let (numer, denom) = (self.value.numer(), self.value.denom());
        let (top, bottom) = (numer.nth_root(degree), denom.nth_root(degree));
        if &top.pow(degree) == numer && &bottom.pow(degree) == denom {
            return Self::new(BigRational::new(top, bottom), self.precision);
        }
        let scale = BigInt::from(10).pow(ROOT_DECIMALS);
        let scaled = (numer * scale.pow(degree) / denom).nth_root(degree);
        Self::new(BigRational::new(scaled, scale), self.precision.max(Precision::Root))
    }

    pub(super) fn absolute(&self) -> Self {
        Self { value: self.value.abs(), precision: self.precision }
    }

    pub(super) fn floor(&self) -> Self {
        Self { value: self.value.floor(), precision: self.precision }
    }

    pub(super) fn ceil(&self) -> Self {
        Self { value: self.value.ceil(), precision: self.precision }
    }

    /// Rounds to so many decimals; halves away from zero.
    pub(super) fn round(&self, decimals: &Self) -> Result {
        let places = decimals.value.to_integer().to_i32().filter(|places| {
            decimals.value.is_integer() && places.unsigned_abs() <= 100
        });
        let places = places.ok_or_else(|| ToolError::invalid("round takes a whole number of decimals, 100 at most"))?;
        let scale = num_traits::Pow::pow(BigRational::from_integer(10.into()), places);
        // A rounded number is exact for whoever asked for it.
        Self::exact((&self.value * &scale).round() / scale)
    }

    /// A function of floating point.
    pub(super) fn apply(&self, function: fn(f64) -> f64) -> Result {
        Self::float(function(self.to_float()?))
    }

    /// The number as it is answered: exact decimals if it has few, else rounded and said so.
    pub(super) fn show(&self) -> Result<String> {
        let at_most = if self.precision == Precision::Float { FLOAT_DECIMALS } else { DECIMALS };
        let decimals = at_most + self.leading_zeros();
        let scale = BigInt::from(10).pow(u32::try_from(decimals).map_err(|_| too_large())?);
        let scaled = &self.value * BigRational::from_integer(scale.clone());
        let is_exact = scaled.is_integer() && self.precision == Precision::Exact;
        let scaled = scaled.round().to_integer();
        let (whole, rest) = (scaled.abs() / &scale, scaled.abs() % &scale);
        let rest = format!("{rest:0>decimals$}");
        let rest = rest.trim_end_matches('0');
        let mut text = whole.to_string();
        if text.len() > MAX_DIGITS {
            let message = format!("the result has {} digits, too many; divide it by a power of ten", text.len());
            return Err(ToolError::new(ToolErrorKind::LimitReached, message));
        }
        if !rest.is_empty() {
            text = format!("{text}.{rest}");
        }
        let sign = if scaled.is_negative() { "-" } else { "" };
        let about = if is_exact { "" } else { "approx. " };
        Ok(format!("{about}{sign}{text}"))
    }

    /// How many zeros follow the point, if there is nothing before it.
    fn leading_zeros(&self) -> usize {
        let (numer, denom) = (self.value.numer().bits(), self.value.denom().bits());
        if self.value.is_zero() || numer + 3 >= denom {
            return 0;
        }
        // A decimal digit has 3.32 bits.
        usize::try_from((denom - numer) * 100 / 332).unwrap_or_default()
    }
}

fn too_large() -> ToolError {
    let message = "a number in it is too large or too fine to calculate with; use smaller powers or fewer digits";
    ToolError::new(ToolErrorKind::LimitReached, message)
}

fn not_real() -> ToolError {
    ToolError::failed("the root or logarithm of a negative number; there is no real result")
}
