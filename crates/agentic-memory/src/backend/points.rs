//! Records as points of Qdrant: what `edge://` and `qdrant://` have in common, in neither's types.
//!
//! A point has the record's direction as its vector, and a payload: whose it is, what filters ask for in a form that
//! payload indexes can answer, and all of the record as it came. Texts, fields and bodies are kept as text, so they come back
//! to the bit whatever the engine does to numbers.

mod about;
mod conditions;
mod payload;

use std::borrow::Cow;

pub(super) use self::about::{About, absent};
pub(super) use self::conditions::{Condition, conditions};
pub(super) use self::payload::Payload;

/// What the one vector of a point is called.
pub(super) const VECTOR: &str = "vector";

/// Where in a payload is what filters ask for.
pub(super) mod key {
    /// Whose the record is.
    pub(in crate::backend) const TENANT: &str = "tenant";
    /// Not there if the record is no agent's own.
    pub(in crate::backend) const AGENT: &str = "agent";
    /// Not there if the record is of no session.
    pub(in crate::backend) const SESSION: &str = "session";
    /// What the fields are, as texts.
    pub(in crate::backend) const IS: &str = "is";
    /// A map of the fields that are numbers.
    pub(in crate::backend) const NUMBERS: &str = "numbers";
}

/// The id of the point of a record: a UUID (version 8) of a digest of the tenant and the id, since a point's id can't be any
/// text.
pub(super) fn id(tenant: &str, id: &str) -> u128 {
    let mut digest = blake3::Hasher::new();
    digest.update(&(tenant.len() as u64).to_le_bytes()).update(tenant.as_bytes()).update(id.as_bytes());
    let mut bytes = [0; 16];
    digest.finalize_xof().fill(&mut bytes);
    let bits = u128::from_be_bytes(bytes);
    bits & !(0xf << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62
}

/// A square of a length that is 1 but for rounding: the cosine is then off by no more than half of this.
const ROUNDING: f64 = 1e-6;

/// The vector scaled to length 1, or as it is if that is its length; `None` if it points nowhere.
pub(super) fn direction(vector: &[f32]) -> Option<Cow<'_, [f32]>> {
    let square: f64 = vector.iter().map(|number| f64::from(*number) * f64::from(*number)).sum();
    if square <= 0.0 {
        return None;
    }
    if (square - 1.0).abs() <= ROUNDING {
        return Some(Cow::Borrowed(vector));
    }
    let length = square.sqrt();
    Some(vector.iter().map(|number| (f64::from(*number) / length) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_their_tenant_and_are_uuids() {
        let all = [id("a", "b"), id("ab", ""), id("", "ab"), id("a", "c"), id("b", "b")];
        for (place, one) in all.iter().enumerate() {
            assert!(all[..place].iter().all(|other| other != one));
            assert_eq!((one >> 76 & 0xf, one >> 62 & 0b11), (8, 0b10));
        }
        assert_eq!(id("a", "b"), 0x57cd_efea_023f_8524_9546_dff1_490e_d699, "it never changes");
    }

    #[test]
    fn directions_have_length_one() {
        assert_eq!(*direction(&[3.0, 4.0]).unwrap(), [0.6, 0.8]);
        assert!(matches!(direction(&[0.6, 0.8]), Some(Cow::Borrowed(_))), "to the bit");
        assert!(direction(&[]).is_none() && direction(&[0.0, 0.0]).is_none());
        for vector in [[f32::MAX, f32::MAX], [f32::MIN_POSITIVE, -f32::MIN_POSITIVE]] {
            let unit = direction(&vector).unwrap();
            assert!((unit[0] - 0.5_f32.sqrt()).abs() < 1e-6, "{unit:?}");
        }
    }
}
