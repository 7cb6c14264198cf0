//! Folders of invented invoices, the same for the same seed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use fastrand::Rng;

use crate::amount;

/// A folder of invoices and a note.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    /// File names with their contents.
    pub(crate) files: Vec<(String, String)>,
    /// What the invoices add up to, in cents.
    pub(crate) total: u64,
    pub(crate) invoices: usize,
}

/// From A to Y, so that the note stands before, between or after the invoices.
const FIRST: &[&str] = &[
    "Amber", "Birch", "Cobalt", "Ember", "Granite", "Harbour", "Juniper", "Maple", "Nimbus", "Orchard",
    "Pebble", "Quarry", "River", "Summit", "Timber", "Umber", "Violet", "Willow", "Yarrow",
];
const SECOND: &[&str] =
    &["Lane", "Hill", "Bridge", "Meadow", "Gate", "Field", "Point", "Square", "Valley", "Wharf"];
const TRADES: &[(&str, &str)] = &[
    ("Bakery", "bread and pastries for the office"),
    ("Cleaning", "cleaning of the meeting rooms"),
    ("Couriers", "parcel deliveries"),
    ("Electric", "repair of the lighting"),
    ("Garden Care", "care of the courtyard"),
    ("Office Supplies", "paper, pens and folders"),
    ("Print Works", "business cards and flyers"),
    ("Software", "annual licence of the planning tool"),
];
const PEOPLE: &[&str] = &["Anna", "Boris", "Chen", "Dalia", "Emil", "Farah", "Goran", "Hana"];

impl Folder {
    /// The folder of a seed. With `note_amount` the note names an amount that no invoice is for.
    pub(crate) fn generate(seed: u64, note_amount: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let invoices = rng.usize(3..=4);
        let (mut files, mut total): (Vec<(String, String)>, u64) = (Vec::new(), 0);
        while files.len() < invoices {
            let (trade, goods) = pick(&mut rng, TRADES);
            let company = format!("{} {} {trade}", pick(&mut rng, FIRST), pick(&mut rng, SECOND));
            let name = format!("{}.txt", company.to_lowercase().replace(' ', "-"));
            let cents = rng.u64(1_000..90_000);
            let text = format!(
                "{company} Ltd\n\nInvoice {}\nDate: 2025-{:02}-{:02}\nFor: {goods}\n\nAmount due: {} EUR\n",
                rng.u32(1000..10_000),
                rng.u32(1..=12),
                rng.u32(1..=28),
                amount::shown(cents),
            );
            if files.iter().all(|(known, _)| *known != name) {
                total += cents;
                files.push((name, text));
            }
        }
        files.push(note(&mut rng, note_amount));
        Self { files, total, invoices }
    }

    /// Writes the files into a folder, which is made.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let failed = || format!("can't write the invoices into {}", folder.display());
        fs::create_dir_all(folder).with_context(failed)?;
        for (name, text) in &self.files {
            fs::write(folder.join(name), text).with_context(failed)?;
        }
        Ok(())
    }
}

fn note(rng: &mut Rng, with_amount: bool) -> (String, String) {
    let (from, to) = (pick(rng, PEOPLE), pick(rng, PEOPLE));
    let aside = if with_amount {
        let cents = rng.u64(1_000..90_000);
        format!("By the way, last year's offer was {} EUR, we never took it.", amount::shown(cents))
    } else {
        "Please file the invoices of this folder by the end of the month.".into()
    };
    (
        format!("note-from-{}.txt", from.to_lowercase()),
        format!("Hi {to},\n\n{aside} The parking permit is in the top drawer.\n\n{from}\n"),
    )
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

#[cfg(test)]
mod tests {
    use super::Folder;
    use crate::amount;

    #[test]
    fn the_same_seed_gives_the_same_folder_and_others_give_others() {
        assert_eq!(Folder::generate(7, false), Folder::generate(7, false));
        assert_ne!(Folder::generate(7, false), Folder::generate(8, false));
    }

    #[test]
    fn the_total_is_what_the_invoices_ask_for() {
        for seed in 0..200 {
            let folder = Folder::generate(seed, false);
            assert!((3..=4).contains(&folder.invoices));
            assert_eq!(folder.files.len(), folder.invoices + 1, "a note besides");
            let asked: u64 = folder.files.iter().flat_map(|(_, text)| amount::all(text)).sum();
            assert_eq!(asked, folder.total, "seed {seed}: no other amount is anywhere");
        }
    }

    #[test]
    fn the_note_has_an_amount_only_if_asked() {
        for seed in 0..50 {
            let amounts = |with| {
                let folder = Folder::generate(seed, with);
                folder.files.last().map(|(_, text)| amount::all(text).len())
            };
            assert_eq!((amounts(false), amounts(true)), (Some(0), Some(1)));
        }
    }
}
