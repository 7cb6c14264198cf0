use agentic_core::ToolErrorKind::{Failed, InvalidArguments, LimitReached};

use super::evaluate::evaluate;

#[track_caller]
fn check(expression: &str, expected: &str) {
    assert_eq!(evaluate(expression, &[]).as_deref(), Ok(expected), "{expression}");
}

#[test]
fn calculates_exactly() {
    for (expression, expected) in [
        ("0.1 + 0.2", "0.3"),
        ("0.1+0.2-0.3", "0"),
        ("199.99*3", "599.97"),
        ("1/3*3", "1"),
        ("12.5 + 3.20 + 7.455", "23.155"),
        ("100000000000000000000000 + 0.01", "100000000000000000000000.01"),
        ("1 - 0.9", "0.1"),
        ("1.1 * 1.1", "1.21"),
        ("2^100", "1267650600228229401496703205376"),
        ("10^-20", "0.00000000000000000001"),
        ("25!", "15511210043330985984000000"),
        ("0/7", "0"),
        ("1e3 + 1E-2", "1000.01"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn keeps_the_usual_order() {
    for (expression, expected) in [
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("10 - 4 - 3", "3"),
        ("100 / 10 / 2", "5"),
        ("-2^2", "-4"),
        ("(-2)^2", "4"),
        ("2^3^2", "512"),
        ("2^-2", "0.25"),
        ("3 - -2", "5"),
        ("--3", "3"),
        ("2**3", "8"),
        ("1/2(3)", "1.5"),
        ("(1+2)(3+4)", "21"),
        ("17 % 5", "2"),
        ("17 mod 5", "2"),
        ("-7 mod 3", "2"),
        ("7.5 % 2", "1.5"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn knows_percents() {
    for (expression, expected) in [
        ("15%", "0.15"),
        ("200 * 15%", "30"),
        ("15% of 200", "30"),
        ("200 / 50%", "400"),
        ("80 * (1 - 25%)", "60"),
        ("100 + 10%", "100.1"),
        ("(5 + 5)% * 50", "5"),
        ("2^50%", "approx. 1.414213562373095"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn reads_what_models_write() {
    for (expression, expected) in [
        ("= 12.5 + 3.20", "15.7"),
        ("1 + 2 =", "3"),
        ("1 + 2 = ?", "3"),
        ("1,234.50 + 1,000,000", "1001234.5"),
        ("$19.99 + $5.01", "25"),
        ("€1,000 * 2", "2000"),
        ("3 × 4 ÷ 2 − 1", "5"),
        ("3 x 4", "12"),
        ("3x4", "12"),
        ("2 times 3 plus 1", "7"),
        (".5 + 1.", "1.5"),
        ("1_000 + 1", "1001"),
        ("5² + 2³", "33"),
        ("√16", "4"),
        ("[1 + 2] * {3}", "9"),
        ("`1 + 1`", "2"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn has_functions() {
    for (expression, expected) in [
        ("sum(1.10, 2.20, 3.30)", "6.6"),
        ("min(3, -1, 2)", "-1"),
        ("max(0.3, 1/3, 0.33)", "approx. 0.333333333333333"),
        ("avg(1, 2, 4.5)", "2.5"),
        ("round(100 / 3, 2)", "33.33"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(1234, -2)", "1200"),
        ("round(1.005, 2)", "1.01"),
        ("floor(-1.5) + ceil(1.2)", "0"),
        ("abs(-3.5)", "3.5"),
        ("sqrt(2)", "approx. 1.414213562373095"),
        ("sqrt(0.25)", "0.5"),
        ("sqrt 16 + 1", "5"),
        ("cbrt(27)", "3"),
        ("8^(1/3)", "2"),
        ("pow(2, 10)", "1024"),
        ("ln(e)", "approx. 1"),
        ("log(1000)", "approx. 3"),
        ("2 * pi", "approx. 6.2831853072"),
        ("sin(0)", "approx. 0"),
        ("sum(max(1, 2), 3) * 2", "10"),
        ("SUM(1, 2)", "3"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn rounds_what_has_no_end_and_says_so() {
    check("1/3", "approx. 0.333333333333333");
    check("2/3", "approx. 0.666666666666667");
    check("-1/3", "approx. -0.333333333333333");
    check("1/3 * 10^-20", "approx. 0.00000000000000000000333333333333333");
    check("1.05^360", "approx. 42476396.408680020395604");
    check("(1 + 0.05/12)^360 * 1000", "approx. 4467.744314006132212");
    check("1.0001^36500", "approx. 38.4676455311");
}

#[test]
fn says_what_is_wrong() {
    for (expression, kind, part) in [
        ("", InvalidArguments, "is empty"),
        ("1 / 0", Failed, "division by zero"),
        ("5 mod 0", Failed, "division by zero"),
        ("0^0", Failed, "zero to the power"),
        ("sqrt(-1)", Failed, "negative"),
        ("ln(-1)", Failed, "negative"),
        ("1 +", InvalidArguments, "ends too early"),
        ("* 2", InvalidArguments, "`*` stands"),
        ("(1 + 2", InvalidArguments, "not closed"),
        ("1 + 2)", InvalidArguments, "too many"),
        ("1 2", InvalidArguments, "side by side"),
        ("1.2.3", InvalidArguments, "point too many"),
        ("12,50 + 1", InvalidArguments, "comma"),
        ("1,23,456", InvalidArguments, "comma"),
        ("sum(1,234.50, 2)", InvalidArguments, "arguments or thousands"),
        ("5 apples + 2", InvalidArguments, "`apples` is unknown"),
        ("$5 + €3", InvalidArguments, "two currencies"),
        ("x = 5", InvalidArguments, "`=` is no sum"),
        ("5 & 3", InvalidArguments, "`&` can't"),
        ("sqrt(1, 2)", InvalidArguments, "takes one argument"),
        ("min()", InvalidArguments, "takes one or more"),
        ("2.5!", InvalidArguments, "whole number"),
        ("1e99999", InvalidArguments, "exponent"),
    ] {
        let error = evaluate(expression, &[]).expect_err(expression);
        assert_eq!(error.kind(), kind, "{expression}: {error}");
        assert!(error.message().contains(part), "{expression}: {error}");
        assert!(!error.message().contains('\n'), "{expression}: {error}");
    }
}

#[test]
fn bounds_what_it_does() {
    let huge = [
        "9^9^9^9".to_owned(),
        "9^9^9 mod 7".into(),
        "2^100000".into(),
        "1e9999".into(),
        "100000!".into(),
        "3!!!!".into(),
        "9^9^9^9^9^9^9".into(),
        "(".repeat(1000) + "1" + &")".repeat(1000),
        "-".repeat(5000) + "1",
        "2^".repeat(4000) + "1",
        (0..900).map(|n| format!("1/{}", 1_000_003 + 2 * n)).collect::<Vec<_>>().join("+"),
        "9".repeat(9000),
        vec!["9".repeat(700); 12].join("*"),
    ];
    for expression in huge {
        let error = evaluate(&expression, &[]).expect_err("too large");
        assert_eq!(error.kind(), LimitReached, "{:.60}: {error}", expression);
    }
    assert_eq!(evaluate(&"1".repeat(10_001), &[]).expect_err("too long").kind(), InvalidArguments);
    check(&vec!["0.1"; 2_000].join("+"), "200");
    check(&("1".to_owned() + &"%".repeat(3)), "0.000001");
}

#[test]
fn functions_take_the_values() {
    let values = ["91.36 EUR", "€183.47", "EUR 1,415.75", "0"];
    for (expression, expected) in [
        ("sum(values)", "1690.58"),
        ("sum values", "1690.58"),
        ("round(avg(values), 2) + max(values, 2000)", "2422.65"),
        ("1 + 1", "2"),
    ] {
        assert_eq!(evaluate(expression, &values).as_deref(), Ok(expected), "{expression}");
    }
    for (expression, values, message) in [
        ("values * 2", &values[..], "`values` are many numbers; say what to make of them, like sum(values)"),
        ("values[1].number - values[0]", &["1", "2"], "single `values` can't be picked; write their numbers"),
        ("sum(values)", &[], "`sum` takes one or more arguments, not 0"),
        ("sum(values)", &["12 apples"], "`apples` is unknown; give numbers without units"),
        ("sum(values)", &["12 EUR", "3 USD"], "`EUR` and `USD` are two currencies; convert"),
        ("sum(values)", &["€5", "$5"], "`EUR` and `USD` are two currencies; convert"),
        ("sum(values * 2)", &["5"], "`values` are many numbers; say what to make of them"),
        ("sum(values)", &[""], "a value is empty; give 0 if there is none"),
    ] {
        let error = evaluate(expression, values).expect_err(expression);
        assert!(error.message().starts_with(message), "{error}");
    }
}
