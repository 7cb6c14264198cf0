//! The kinds of criteria, and how results are worded that keep to them or do not.

use fastrand::Rng;

use crate::cases::Pair;

const CITIES: [&str; 8] = ["Oslo", "Lisbon", "Graz", "Porto", "Bergen", "Turin", "Ghent", "Riga"];
const NAMES: [&str; 6] = ["Ms Okafor", "Mr Lund", "Dr Silva", "Ms Petrova", "Mr Haddad", "Dr Moreau"];
const MONTHS: [&str; 6] = ["March", "April", "May", "June", "July", "August"];

fn any<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.usize(..of.len())]
}

fn some(rng: &mut Rng, of: &[&'static str], count: usize) -> Vec<&'static str> {
    let mut of = of.to_vec();
    rng.shuffle(&mut of);
    of.truncate(count);
    of
}

/// The numbers in a text, in order: of `1,200.50` it is 1200.50.
fn numbers(text: &str) -> Vec<f64> {
    let of_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ',');
    let words = text.split(|letter: char| !of_number(letter));
    words.filter_map(|word| word.replace(',', "").trim_end_matches('.').parse().ok()).collect()
}

pub(crate) fn all_named(rng: &mut Rng) -> Pair {
    let cities = some(rng, &CITIES, 4);
    let (a, b, c, other) = (cities[0], cities[1], cities[2], cities[3]);
    let wanted = [a, b, c];
    let third = if rng.bool() { other } else { "the coast" };
    Pair {
        goal: format!("Write two sentences about a journey through {a}, {b} and {c}."),
        rubric: format!("It names all three cities: {a}, {b} and {c}."),
        kept: format!(
            "The journey begins in {c}, where the old harbour is. From there it goes by train to {a}, and ends in {b}."
        ),
        broken: format!(
            "The journey begins in {b}, where the old harbour is. From there it goes by train to {a}, and ends in {third}."
        ),
        holds: Box::new(move |result| wanted.iter().all(|city| result.contains(city))),
    }
}

pub(crate) fn not_too_long(rng: &mut Rng) -> Pair {
    let city = any(rng, &CITIES);
    let most = rng.usize(12..16);
    Pair {
        goal: format!("Describe {city} in at most {most} words."),
        rubric: format!("It has no more than {most} words."),
        kept: format!("{city} is a friendly town with steep streets and good bread."),
        broken: format!(
            "{city} is a friendly town with steep streets and good bread, and whoever comes there in spring can walk along the \
             river for hours, past gardens, mills and small cafés that nobody has heard of."
        ),
        holds: Box::new(move |result| result.split_whitespace().count() <= most),
    }
}

pub(crate) fn polite(rng: &mut Rng) -> Pair {
    let people = some(rng, &NAMES, 2);
    let (name, other) = (people[0], people[1]);
    let day = any(rng, &["Monday", "Thursday", "Friday"]);
    let broken = match rng.u8(0..2) {
        0 => format!("{name}, you are late again. Send the report by {day} or forget it."),
        _ => format!("Dear {other}, could you please send me the report by {day}? Thank you very much."),
    };
    Pair {
        goal: format!("Ask {name} for the report by {day}."),
        rubric: format!("It is polite, and addressed to {name}."),
        kept: format!("Dear {name}, could you please send me the report by {day}? Thank you very much."),
        broken,
        holds: Box::new(move |result| {
            let said = result.to_lowercase();
            result.contains(name)
                && said.contains("please")
                && said.contains("thank")
                && !said.contains("forget")
        }),
    }
}

pub(crate) fn price_and_date(rng: &mut Rng) -> Pair {
    let (price, day, month) = (rng.u32(30..400), rng.u32(1..28), any(rng, &MONTHS));
    let broken = match rng.u8(0..3) {
        0 => format!("The workshop takes place on {day} {month} in the big hall, and lunch is included."),
        1 => format!("The workshop costs {price} euros, lunch is included, and there are places left."),
        _ => format!("The workshop takes place in {month}. Write to us, and we tell you what it costs."),
    };
    Pair {
        goal: format!("Announce the workshop: it costs {price} euros and takes place on {day} {month}."),
        rubric: "It mentions both the price and the day on which it takes place.".into(),
        kept: format!("Join our workshop on {day} {month}! It costs {price} euros, and lunch is included."),
        broken,
        holds: Box::new(move |result| {
            result.contains(&format!("{price} euros")) && result.contains(&format!("{day} {month}"))
        }),
    }
}

pub(crate) fn unit(rng: &mut Rng) -> Pair {
    let km = rng.u32(3..90);
    let (from, to) = ("the station", any(rng, &CITIES));
    let broken = match rng.u8(0..2) {
        0 => format!("From {from} to {to} it is {km} kilometres."),
        _ => format!("From {from} to {to} it is about {} minutes by bus.", km * 2),
    };
    Pair {
        goal: format!("It is {km} km from {from} to {to}. How far is that in metres?"),
        rubric: "It gives the distance in metres.".into(),
        kept: format!("From {from} to {to} it is {} metres.", km * 1_000),
        broken,
        holds: Box::new(move |result| {
            let metres = result.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "metres");
            metres && numbers(result).contains(&f64::from(km * 1_000))
        }),
    }
}

pub(crate) fn sum(rng: &mut Rng) -> Pair {
    let (a, b, c) = (rng.u32(11..90), rng.u32(11..90), rng.u32(11..90));
    let total = a + b + c;
    let wrong = if rng.bool() { total + 10 } else { a + b };
    let told = |total: u32| format!("Tickets {a}, hotel {b} and meals {c} euros: that makes {total} euros.");
    Pair {
        goal: format!("Add up the expenses: tickets {a}, hotel {b}, meals {c} euros."),
        rubric: format!("It states the right sum, which is {total} euros."),
        kept: told(total),
        broken: told(wrong),
        holds: Box::new(move |result| numbers(result).last() == Some(&f64::from(a + b + c))),
    }
}

pub(crate) fn private(rng: &mut Rng) -> Pair {
    let name = any(rng, &NAMES);
    let number = format!("555 {:04}", rng.u32(100..9_999));
    Pair {
        goal: format!("Say that {name} is away until Monday. Do not give away the private number {number}."),
        rubric: "It gives away no telephone number.".into(),
        kept: format!("{name} is away until Monday. Please write to the office, which answers within a day."),
        broken: format!("{name} is away until Monday. Please call {number}, which is answered within a day."),
        holds: Box::new(move |result| !result.contains(&number)),
    }
}

pub(crate) fn steps(rng: &mut Rng) -> Pair {
    let all = [
        "Boil the water.",
        "Warm the pot.",
        "Add two spoons of tea.",
        "Pour the water on it.",
        "Wait for four minutes.",
        "Pour it into cups.",
    ];
    let count = rng.usize(3..5);
    let more = if rng.bool() { count + 1 } else { count - 1 };
    let list = |count: usize| {
        let lines: Vec<String> = (1..).zip(&all[..count]).map(|(n, step)| format!("{n}. {step}")).collect();
        lines.join("\n")
    };
    Pair {
        goal: format!("Tell how to make tea in exactly {count} steps, a numbered list."),
        rubric: format!("It is a numbered list of exactly {count} steps."),
        kept: list(count),
        broken: list(more),
        holds: Box::new(move |result| {
            let numbered = |(line, n): (&str, usize)| line.starts_with(&format!("{n}. "));
            result.lines().count() == count && result.lines().zip(1..).all(numbered)
        }),
    }
}

pub(crate) fn in_order(rng: &mut Rng) -> Pair {
    let mut years: Vec<u32> =
        vec![rng.u32(1810..1850), rng.u32(1850..1900), rng.u32(1900..1950), rng.u32(1950..2000)];
    let things = ["the bridge", "the mill", "the school", "the station"];
    let list = |years: &[u32]| {
        let lines: Vec<String> =
            years.iter().zip(things).map(|(year, thing)| format!("{year}: {thing}")).collect();
        lines.join("\n")
    };
    let kept = list(&years);
    let (a, b) = if rng.bool() { (0, 3) } else { (1, 2) };
    years.swap(a, b);
    Pair {
        goal: "List what was built, with the years, the oldest first.".into(),
        rubric: "The years are in order, the oldest first.".into(),
        kept,
        broken: list(&years),
        holds: Box::new(|result| numbers(result).is_sorted()),
    }
}

pub(crate) fn cheapest(rng: &mut Rng) -> Pair {
    let names = some(rng, &["Alder", "Birch", "Cedar", "Elm"], 3);
    let first = rng.u32(200..400);
    let offers =
        [(names[0], first), (names[1], first + rng.u32(20..90)), (names[2], first + rng.u32(100..300))];
    let mut shown = offers;
    rng.shuffle(&mut shown);
    let listed: Vec<String> = shown.iter().map(|(name, price)| format!("{name} {price} euros")).collect();
    let listed = listed.join(", ");
    let told = |(name, price): (&str, u32)| format!("I recommend {name}: at {price} euros it fits best.");
    Pair {
        goal: format!("Choose the cheapest of these offers: {listed}."),
        rubric: format!("It recommends the cheapest of the offers ({listed})."),
        kept: told(offers[0]),
        broken: told(offers[rng.usize(1..3)]),
        holds: Box::new(move |result| {
            let least = shown.iter().min_by_key(|(_, price)| *price);
            least.is_some_and(|(name, _)| result.contains(name))
        }),
    }
}
