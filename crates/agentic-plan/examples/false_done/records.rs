//! Outputs that are records, as JSON.

use agentic_core::Criterion;
use fastrand::Rng;
use serde::Deserialize;
use serde_json::{Value, json};

use super::case::{Wanted, any, says};

/// The record as another reader has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    order: String,
    customer: String,
    date: String,
    currency: String,
    items: Vec<Item>,
    total_cents: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    sku: String,
    quantity: u64,
}

impl Order {
    fn is_well_formed(&self) -> bool {
        let date: Vec<&str> = self.date.split('-').collect();
        let digits =
            |text: &str, count| text.len() == count && text.bytes().all(|digit| digit.is_ascii_digit());
        let dated =
            matches!(date[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2));
        let item = |item: &Item| {
            item.quantity >= 1
                && item.sku.len() == 5
                && item.sku.starts_with('S')
                && digits(&item.sku[1..], 4)
        };
        dated
            && ["EUR", "NOK"].contains(&&*self.currency)
            && !self.customer.is_empty()
            && !self.items.is_empty()
            && self.items.iter().all(item)
    }
}

/// The record with one change.
fn changed(record: &Value, change: impl FnOnce(&mut Value)) -> String {
    let mut record = record.clone();
    change(&mut record);
    record.to_string()
}

/// An order is to be written down as JSON.
pub(super) fn record(rng: &mut Rng) -> Wanted {
    let number = format!("N{}", rng.u32(1_000..9_999));
    let mut total = 0;
    let items: Vec<Value> = (0..rng.usize(2..5))
        .map(|_| {
            let (sku, quantity, price) = (rng.u32(0..10_000), rng.u64(1..9), rng.u64(99..4_000));
            total += quantity * price;
            json!({"sku": format!("S{sku:04}"), "quantity": quantity, "price_cents": price})
        })
        .collect();
    let customer = *any(rng, &["Bakery Lund", "Harbour Office", "School 12"]);
    let (month, day) = (rng.u32(1..13), rng.u32(1..29));
    let inputs = json!({
        "order": &number,
        "customer": customer,
        "day": format!("{day}.{month}.2027"),
        "currency": "EUR",
        "items": &items,
    });
    let written: Vec<Value> =
        items.iter().map(|item| json!({"sku": item["sku"], "quantity": item["quantity"]})).collect();
    let record = json!({
        "order": &number,
        "customer": customer,
        "date": format!("2027-{month:02}-{day:02}"),
        "currency": "EUR",
        "items": written,
        "total_cents": total,
    });
    let schema = json!({
        "type": "object",
        "properties": {
            "order": {"const": &number},
            "customer": {"type": "string", "minLength": 1},
            "date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
            "currency": {"enum": ["EUR", "NOK"]},
            "items": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "sku": {"type": "string", "pattern": "^S[0-9]{4}$"},
                        "quantity": {"type": "integer", "minimum": 1},
                    },
                    "required": ["sku", "quantity"],
                    "additionalProperties": false,
                },
            },
            "total_cents": {"const": total},
        },
        "required": ["order", "customer", "date", "currency", "items", "total_cents"],
        "additionalProperties": false,
    });
    let without =
        |name: &str| changed(&record, |record| drop(record.as_object_mut().and_then(|r| r.remove(name))));
    let whole = record.to_string();
    let pretty = format!("{record:#}");
    Wanted {
        text: "Write the order down as JSON: order, customer, date (YYYY-MM-DD), currency (EUR or NOK), items with \
               sku and quantity, total_cents. JSON alone."
            .into(),
        inputs,
        criteria: vec![Criterion::Schema { schema }],
        stored: Vec::new(),
        meet: vec![says("on one line", &*whole), says("on many lines", &*pretty), says("with space", format!("\n{pretty}\n"))],
        miss: vec![
            says("no currency", without("currency")),
            says("no total", without("total_cents")),
            says("a quantity as text", changed(&record, |r| r["items"][1]["quantity"] = json!("2"))),
            says("an item without a quantity", changed(&record, |r| r["items"][0] = json!({"sku": "S0001"}))),
            says("a price that nobody wanted", changed(&record, |r| r["items"][0]["price_cents"] = json!(120))),
            says("the date as it stood there", changed(&record, |r| r["date"] = json!(format!("{day}.{month}.2027")))),
            says("the currency's sign", changed(&record, |r| r["currency"] = json!("€"))),
            says("no items", changed(&record, |r| r["items"] = json!([]))),
            says("another order", changed(&record, |r| r["order"] = json!("N0001"))),
            says("a total of one cent less", changed(&record, |r| r["total_cents"] = json!(total - 1))),
            says("a quantity of none", changed(&record, |r| r["items"][0]["quantity"] = json!(0))),
            says("a note besides", changed(&record, |r| r["note"] = json!("done"))),
            says("prose before it", format!("Done, here it is:\n{whole}")),
            says("cut off", &whole[..whole.len() - 1]),
            says("in a list", format!("[{whole}]")),
        ],
        truth: Box::new(move |said, _| {
            serde_json::from_str::<Order>(said)
                .is_ok_and(|read| read.is_well_formed() && read.order == number && read.total_cents == total)
        }),
    }
}
