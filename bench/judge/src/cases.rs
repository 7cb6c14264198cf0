//! Results with criteria in words, and whether these hold.

use fastrand::Rng;

use crate::wording;

/// So many, of which half hold.
pub(crate) const COUNT: usize = 50;

/// What is judged.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    pub(crate) goal: String,
    pub(crate) rubric: String,
    pub(crate) result: String,
    /// What a program finds, which reads the result.
    pub(crate) holds: bool,
}

/// What is wanted, a result that keeps to it, one that does not, and a program that tells which is which.
pub(crate) struct Pair {
    pub(crate) goal: String,
    pub(crate) rubric: String,
    pub(crate) kept: String,
    pub(crate) broken: String,
    pub(crate) holds: Box<dyn Fn(&str) -> bool>,
}

type Kind = (&'static str, fn(&mut Rng) -> Pair);

const KINDS: [Kind; 10] = [
    ("all are named", wording::all_named),
    ("not too long", wording::not_too_long),
    ("polite to somebody", wording::polite),
    ("price and date", wording::price_and_date),
    ("the unit that was asked for", wording::unit),
    ("the right sum", wording::sum),
    ("nothing that is private", wording::private),
    ("as many steps", wording::steps),
    ("in order", wording::in_order),
    ("the cheapest one", wording::cheapest),
];

/// The cases of this seed, in an order that is drawn too: of each kind as many that hold as not.
pub(crate) fn cases(seed: u64) -> Vec<Case> {
    let mut rng = Rng::with_seed(seed);
    let mut cases = Vec::new();
    for place in 0..COUNT {
        let (kind, draw) = KINDS[place / 2 % KINDS.len()];
        let Pair { goal, rubric, kept, broken, holds } = draw(&mut rng);
        let result = if place % 2 == 0 { kept } else { broken };
        let holds = holds(&result);
        cases.push(Case { kind, goal, rubric, result, holds });
    }
    rng.shuffle(&mut cases);
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_find_what_the_results_were_written_for() {
        let mut rng = Rng::with_seed(7);
        for _ in 0..200 {
            for (kind, draw) in KINDS {
                let Pair { kept, broken, holds, .. } = draw(&mut rng);
                assert!(holds(&kept), "{kind}: {kept}");
                assert!(!holds(&broken), "{kind}: {broken}");
            }
        }
        let cases = cases(1);
        assert_eq!((cases.len(), cases.iter().filter(|case| case.holds).count()), (COUNT, COUNT / 2));
    }
}
