//! Vectors as bytes, and which of them may be the nearest: the first pass of an exact search.
//!
//! A vector of length 1 is kept as one byte for each of its numbers, a quarter of the memory that has to be read for each
//! query. What the bytes leave out is the *error*, a vector too, and its length is kept. By the inequality of Cauchy and
//! Schwarz the cosine of two vectors is off by no more than these lengths say. So the first pass knows which vectors can't
//! be among the nearest, and the second, which reads the others in full, finds exactly what a full search would.

use super::best::{Best, Scored};
use super::dot;

/// A vector as bytes.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    /// By what the bytes have to be multiplied.
    pub(crate) scale: f32,
    /// The length of what they leave out.
    pub(crate) error: f32,
    /// Each is a signed one.
    pub(crate) bytes: Vec<u8>,
}

/// The same, of bytes that are elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeRef<'a> {
    pub(crate) scale: f32,
    pub(crate) error: f32,
    pub(crate) bytes: &'a [u8],
}

impl Code {
    /// The code of a vector, scaled to length 1; `None` if it has no direction, or is so short or long that the squares of
    /// its numbers are none that floats have in full.
    pub(crate) fn of(vector: &[f32]) -> Option<Self> {
        let length = length(vector);
        if !(1e-15..1e18).contains(&length) {
            return None;
        }
        let largest = vector.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        let (steps, scale) = (127.0 / largest, largest / 127.0 / length);
        let byte = |number: &f32| ((number * steps).round() as i8).cast_unsigned();
        let bytes: Vec<u8> = vector.iter().map(byte).collect();
        let missing = |(byte, number): (&u8, &f32)| f32::from(byte.cast_signed()) * scale - number / length;
        let error = bytes.iter().zip(vector).map(missing).map(|missing| missing * missing).sum::<f32>();
        Some(Self { scale, error: error.sqrt(), bytes })
    }

    pub(crate) fn by_ref(&self) -> CodeRef<'_> {
        CodeRef { scale: self.scale, error: self.error, bytes: &self.bytes }
    }
}

/// A vector that is looked for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Of length 1.
    unit: Vec<f32>,
    /// Its code.
    scale: f32,
    error: f32,
    bytes: Vec<i8>,
}

impl Asked {
    /// `None` if it has no direction: nothing is near it.
    pub(crate) fn of(vector: &[f32]) -> Option<Self> {
        let (length, Code { scale, error, bytes }) = (length(vector), Code::of(vector)?);
        let bytes = bytes.into_iter().map(u8::cast_signed).collect();
        Some(Self { unit: vector.iter().map(|number| number / length).collect(), scale, error, bytes })
    }

    /// The cosine of the two.
    pub(crate) fn cosine(&self, vector: &[f32]) -> f32 {
        dot::floats(&self.unit, vector) / length(vector)
    }
}

/// The codes of vectors of one length, each at a place.
#[derive(Debug)]
pub(crate) struct Codes {
    dimensions: usize,
    /// One after the other.
    bytes: Vec<i8>,
    /// The scale of each, 0 where there is none, and its error.
    scales: Vec<(f32, f32)>,
}

/// What two sums of so many products of vectors of length 1 may be off. They are made of sixteen sums side by side, and each
/// addition is off by half of 2^-23 at most.
fn rounding(n: usize) -> f32 {
    1e-5 + n as f32 * 2e-8
}

impl Codes {
    pub(crate) fn new(dimensions: usize) -> Self {
        Self { dimensions, bytes: Vec::new(), scales: Vec::new() }
    }

    /// Puts a code at a place, or takes away what is there.
    pub(crate) fn put(&mut self, place: u32, code: Option<CodeRef<'_>>) {
        let (place, n) = (place as usize, self.dimensions);
        if self.scales.len() <= place {
            self.scales.resize(place + 1, (0.0, 0.0));
        }
        self.scales[place] = code.map_or((0.0, 0.0), |code| (code.scale, code.error));
        if let Some(code) = code {
            let bytes = code.bytes.iter().map(|byte| byte.cast_signed());
            // Where no vector has a code there are no bytes either.
            if self.bytes.len() < place * n {
                self.bytes.resize(place * n, 0);
            }
            if self.bytes.len() == place * n {
                self.bytes.extend(bytes);
            } else {
                let own = &mut self.bytes[place * n..(place + 1) * n];
                own.iter_mut().zip(bytes).for_each(|(own, byte)| *own = byte);
            }
        }
    }

    /// Of these places, those that `fits` says yes to and where one of the `limit` nearest vectors may be, with the most
    /// that its cosine can be; the highest first.
    pub(crate) fn candidates(
        &self,
        asked: &Asked,
        limit: usize,
        places: impl Iterator<Item = u32>,
        mut fits: impl FnMut(u32) -> bool,
    ) -> Vec<Scored> {
        let (n, Asked { scale, error, bytes, .. }) = (self.dimensions, asked);
        let rounding = rounding(n);
        let (mut found, mut least) = (Vec::new(), Best::new(limit));
        let mut bar = least.bar();
        for place in places {
            let at = place as usize;
            let Some((of, off)) = self.scales.get(at).filter(|(of, _)| *of > 0.0) else { continue };
            let cosine = dot::bytes(&self.bytes[at * n..(at + 1) * n], bytes) as f32 * of * scale;
            let slack = off + error * (1.0 + off) + rounding;
            if cosine + slack >= bar && fits(place) {
                found.push(Scored { score: cosine + slack, place });
                least.push(Scored { score: cosine - slack, place });
                bar = least.bar();
            }
        }
        found.retain(|scored| scored.score >= bar);
        self.narrowed(asked, limit, found)
    }

    /// Of these candidates, those that are left when the vector that is looked for is taken in full: only what the bytes of
    /// the others leave out is then unknown. Each of them is read in full afterwards, from a file.
    fn narrowed(&self, asked: &Asked, limit: usize, mut found: Vec<Scored>) -> Vec<Scored> {
        let (n, mut least) = (self.dimensions, Best::new(limit));
        let rounding = rounding(n);
        for Scored { score, place } in &mut found {
            let at = *place as usize;
            let (of, off) = self.scales[at];
            let cosine = dot::mixed(&self.bytes[at * n..(at + 1) * n], &asked.unit) * of;
            *score = cosine + off + rounding;
            least.push(Scored { score: cosine - off - rounding, place: *place });
        }
        let bar = least.bar();
        found.retain(|scored| scored.score >= bar);
        found.sort_unstable();
        found
    }
}

fn length(vector: &[f32]) -> f32 {
    dot::floats(vector, vector).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: &mut u64, n: usize) -> Vec<f32> {
        let mut next = || {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*seed >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    fn codes(vectors: &[Vec<f32>]) -> Codes {
        let mut codes = Codes::new(vectors[0].len());
        for (place, vector) in (0..).zip(vectors) {
            codes.put(place, Code::of(vector).as_ref().map(Code::by_ref));
        }
        codes
    }

    #[test]
    fn the_nearest_are_among_the_candidates_and_these_are_few() {
        let (mut seed, n, limit) = (7, 100, 10);
        let all: Vec<Vec<f32>> = (0..2_000).map(|_| drawn(&mut seed, n)).collect();
        let codes = codes(&all);
        for _ in 0..20 {
            let asked = Asked::of(&drawn(&mut seed, n)).unwrap();
            let mut exact: Vec<Scored> = (0..2_000)
                .filter(|place| place % 2 == 0)
                .map(|place| Scored { score: asked.cosine(&all[place as usize]), place })
                .collect();
            exact.sort_unstable();
            let found = codes.candidates(&asked, limit, 0..2_000, |place| place % 2 == 0);
            assert!(found.len() < 100, "{}", found.len());
            for Scored { score, place } in &exact[..limit] {
                let most = found.iter().find(|found| found.place == *place).unwrap().score;
                assert!(most >= *score && most < score + 0.1, "{most} {score}");
            }
        }
    }

    #[test]
    fn lengths_do_not_matter_and_what_has_no_direction_is_not_found() {
        let vectors = [vec![0.0, 2e-15], vec![0.0, 0.0], vec![3e15, 3e15], vec![-1.0, 0.0]];
        let mut codes = codes(&vectors);
        let asked = Asked::of(&[0.0, 0.5]).unwrap();
        let near = |codes: &Codes, limit| -> Vec<_> {
            codes.candidates(&asked, limit, 0..9, |_| true).into_iter().map(|it| it.place).collect()
        };
        assert_eq!(near(&codes, 9), [0, 2, 3]);
        assert_eq!(near(&codes, 1), [0]);
        assert!(near(&codes, 0).is_empty());
        codes.put(0, None);
        assert_eq!(near(&codes, 1), [2]);
        assert!((asked.cosine(&vectors[2]) - 0.5_f32.sqrt()).abs() < 1e-6);
        for none in [&[0.0, 0.0][..], &[], &[0.0, 2e-21], &[0.0, 2e19], &[0.0, f32::NAN]] {
            assert!(Asked::of(none).is_none(), "{none:?}");
        }
    }
}
