//! Calculates an expression while it is parsed, by recursive descent.

use std::cmp::Ordering;

use agentic_core::{ToolError, ToolErrorKind};

use super::number::Number;
use super::read::{Token, read};

/// Brackets, signs, powers and functions within each other.
const MAX_DEPTH: usize = 64;
/// What all operations together may cost, each the square of its largest number's words of 64 bits: about 0.1 s.
const MAX_WORK: u64 = 2_000_000;

/// In an expression: the numbers that were given beside it.
pub(super) const VALUES: &str = "values";

/// What a function does.
enum Function {
    /// Of one number.
    One(fn(&Number) -> Result<Number, ToolError>),
    /// Of two numbers.
    Two(fn(&Number, &Number) -> Result<Number, ToolError>),
    /// Of one or more numbers.
    Many(fn(&[Number]) -> Result<Number, ToolError>),
    /// Of one number or two.
    Round,
}

/// The functions: one row each.
const FUNCTIONS: &[(&str, Function)] = &[
    ("sum", Function::Many(sum)),
    ("min", Function::Many(|numbers| extreme(numbers, Ordering::Less))),
    ("max", Function::Many(|numbers| extreme(numbers, Ordering::Greater))),
    ("avg", Function::Many(mean)),
    ("average", Function::Many(mean)),
    ("mean", Function::Many(mean)),
    ("round", Function::Round),
    ("floor", Function::One(|number| Ok(number.floor()))),
    ("ceil", Function::One(|number| Ok(number.ceil()))),
    ("abs", Function::One(|number| Ok(number.absolute()))),
    ("sqrt", Function::One(|number| number.root(2))),
    ("cbrt", Function::One(|number| number.root(3))),
    ("pow", Function::Two(Number::power)),
    ("mod", Function::Two(Number::modulo)),
    ("exp", Function::One(|number| number.apply(f64::exp))),
    ("ln", Function::One(|number| number.apply(f64::ln))),
    ("log", Function::One(|number| number.apply(f64::log10))),
    ("log10", Function::One(|number| number.apply(f64::log10))),
    ("log2", Function::One(|number| number.apply(f64::log2))),
    ("sin", Function::One(|number| number.apply(f64::sin))),
    ("cos", Function::One(|number| number.apply(f64::cos))),
    ("tan", Function::One(|number| number.apply(f64::tan))),
    ("asin", Function::One(|number| number.apply(f64::asin))),
    ("acos", Function::One(|number| number.apply(f64::acos))),
    ("atan", Function::One(|number| number.apply(f64::atan))),
];

pub(super) fn is_function(name: &str) -> bool {
    function(name).is_some()
}

fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| function)
}

/// The value of an expression, as it is answered. `values` are expressions too; the expression's functions take them
/// all by the name of [`VALUES`].
pub(super) fn evaluate(expression: &str, values: &[&str]) -> Result<String, ToolError> {
    if expression.trim().is_empty() {
        return Err(ToolError::invalid("the expression is empty; give one like \"12.50 + 3 * 2\""));
    }
    if values.iter().any(|value| value.trim().is_empty()) {
        return Err(ToolError::invalid("a value is empty; give 0 if there is none"));
    }
    let (values, currencies): (Vec<_>, Vec<_>) = values.iter().map(|value| amount(value)).unzip();
    let mut currencies = currencies.into_iter().flatten();
    if let Some(one) = currencies.next()
        && let Some(other) = currencies.find(|other| *other != one)
    {
        let message = format!("`{one}` and `{other}` are two currencies; convert the amounts first");
        return Err(ToolError::invalid(message));
    }
    let mut work = 0;
    let values =
        values.iter().map(|value| calculate(value, &[], &mut work)).collect::<Result<Vec<_>, _>>()?;
    calculate(expression, &values, &mut work)?.show()
}

/// Currency signs and the codes that they mostly stand for.
const SIGNS: &[(char, &str)] = &[('€', "EUR"), ('$', "USD"), ('£', "GBP"), ('¥', "JPY"), ('₹', "INR")];

/// A value without the code of its currency, and the code: `12.50 EUR`, `USD 3`, `€5`.
fn amount(value: &str) -> (&str, Option<&str>) {
    let is_code = |word: &str| word.len() == 3 && word.chars().all(|c| c.is_ascii_uppercase());
    let value = value.trim();
    let sign = SIGNS.iter().find(|(sign, _)| value.contains(*sign)).map(|(_, code)| *code);
    match (value.split_once(' '), value.rsplit_once(' ')) {
        (_, Some((number, code))) if is_code(code) => (number, Some(code)),
        (Some((code, number)), _) if is_code(code) => (number, Some(code)),
        _ => (value, sign),
    }
}

fn calculate(expression: &str, values: &[Number], work: &mut u64) -> Result<Number, ToolError> {
    let tokens = read(expression)?;
    let mut parser = Parser { tokens: &tokens, values, at: 0, depth: 0, work: *work };
    let value = parser.expression()?;
    *work = parser.work;
    match parser.peek() {
        None => Ok(value),
        Some(token) => Err(unexpected(Some(token))),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    values: &'a [Number],
    at: usize,
    depth: usize,
    work: u64,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn deeper(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<Number, ToolError>,
    ) -> Result<Number, ToolError> {
        if self.depth == MAX_DEPTH {
            let message = format!(
                "more than {MAX_DEPTH} brackets, signs or powers within each other; calculate it in parts"
            );
            return Err(ToolError::new(ToolErrorKind::LimitReached, message));
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    /// Counts the work that numbers of this size make.
    fn worked(&mut self, number: Number) -> Result<Number, ToolError> {
        let words = number.bits() / 64 + 1;
        self.work += words * words;
        if self.work > MAX_WORK {
            let message = "the calculation is too long; calculate it in parts, with rounded numbers";
            return Err(ToolError::new(ToolErrorKind::LimitReached, message));
        }
        Ok(number)
    }

    /// Sums and differences.
    fn expression(&mut self) -> Result<Number, ToolError> {
        let mut value = self.product()?;
        loop {
            let next = if self.takes('+') {
                value.add(&self.product()?)
            } else if self.takes('-') {
                value.subtract(&self.product()?)
            } else {
                return Ok(value);
            };
            value = self.worked(next?)?;
        }
    }

    /// Products, quotients and remainders; `2(3)` is a product too.
    fn product(&mut self) -> Result<Number, ToolError> {
        let mut value = self.signed()?;
        loop {
            let next = match self.peek() {
                Some(Token::Sign('*')) => {
                    self.at += 1;
                    value.multiply(&self.signed()?)
                }
                Some(Token::Sign('/')) => {
                    self.at += 1;
                    value.divide(&self.signed()?)
                }
                // `postfix` would have taken a percent.
                Some(Token::Percent) => {
                    self.at += 1;
                    value.modulo(&self.signed()?)
                }
                Some(Token::Name(name)) if name == "mod" => {
                    self.at += 1;
                    value.modulo(&self.signed()?)
                }
                Some(Token::Sign('(') | Token::Name(_)) => value.multiply(&self.signed()?),
                _ => return Ok(value),
            };
            value = self.worked(next?)?;
        }
    }

    /// Signs bind less than powers: `-2^2` is -4, `2^-2` is 0.25, `2^3^2` is 512.
    fn signed(&mut self) -> Result<Number, ToolError> {
        if self.takes('-') {
            return self.deeper(|parser| Ok(parser.signed()?.negate()));
        }
        if self.takes('+') {
            return self.deeper(Self::signed);
        }
        let base = self.postfix()?;
        if self.takes('^') {
            let exponent = self.deeper(Self::signed)?;
            return self.worked(base.power(&exponent)?);
        }
        Ok(base)
    }

    /// Percents and factorials.
    fn postfix(&mut self) -> Result<Number, ToolError> {
        let mut value = self.atom()?;
        loop {
            let next = match self.peek() {
                Some(Token::Sign('!')) => value.factorial()?,
                Some(Token::Percent) if self.is_percent() => value.percent()?,
                _ => return Ok(value),
            };
            self.at += 1;
            value = self.worked(next)?;
        }
    }

    /// Whether `%` is a percent: it is a remainder if an operand follows.
    fn is_percent(&self) -> bool {
        !matches!(self.tokens.get(self.at + 1), Some(Token::Number(_) | Token::Name(_) | Token::Sign('(')))
    }

    fn atom(&mut self) -> Result<Number, ToolError> {
        let token = self.peek();
        self.at += 1;
        match token {
            Some(Token::Number(number)) => Number::parse(number),
            Some(Token::Sign('(')) => self.deeper(|parser| {
                let value = parser.expression()?;
                parser.close()?;
                Ok(value)
            }),
            Some(Token::Name(name)) if name == "pi" => Number::float(std::f64::consts::PI),
            Some(Token::Name(name)) if name == VALUES => Err(ToolError::invalid(
                "`values` are many numbers; say what to make of them, like sum(values)",
            )),
            Some(Token::Name(name)) if name == "e" => Number::float(std::f64::consts::E),
            Some(Token::Name(name)) => match function(name) {
                Some(function) => self.deeper(|parser| parser.call(name, function)),
                None => {
                    let names: Vec<_> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
                    let message = format!(
                        "`{name}` is unknown; give numbers without units; the functions are {}",
                        names.join(", ")
                    );
                    Err(ToolError::invalid(message))
                }
            },
            other => Err(unexpected(other)),
        }
    }

    fn close(&mut self) -> Result<(), ToolError> {
        if self.takes(')') { Ok(()) } else { Err(unexpected(self.peek())) }
    }

    /// One argument of a function, or all values.
    fn argument(&mut self, into: &mut Vec<Number>) -> Result<(), ToolError> {
        if !self.takes_values(into) {
            into.push(self.expression()?);
        }
        Ok(())
    }

    fn takes_values(&mut self, into: &mut Vec<Number>) -> bool {
        let ends = |token: Option<&Token>| matches!(token, None | Some(Token::Comma | Token::Sign(')')));
        let found = matches!(self.peek(), Some(Token::Name(name)) if name == VALUES)
            && ends(self.tokens.get(self.at + 1));
        if found {
            self.at += 1;
            into.extend_from_slice(self.values);
        }
        found
    }

    fn call(&mut self, name: &str, function: &Function) -> Result<Number, ToolError> {
        let mut arguments = Vec::new();
        if !self.takes('(') {
            // `sqrt 16`.
            if !self.takes_values(&mut arguments) {
                arguments.push(self.postfix()?);
            }
        } else if !self.takes(')') {
            self.argument(&mut arguments)?;
            while self.peek() == Some(&Token::Comma) {
                self.at += 1;
                self.argument(&mut arguments)?;
            }
            self.close()?;
        }
        // Each argument is looked at once more.
        for argument in &arguments {
            self.worked(argument.clone())?;
        }
        let value = match (function, &arguments[..]) {
            (Function::One(of), [one]) => of(one)?,
            (Function::Two(of), [left, right]) => of(left, right)?,
            (Function::Many(of), [_, ..]) => of(&arguments)?,
            (Function::Round, [number]) => number.round(&Number::integer(0))?,
            (Function::Round, [number, decimals]) => number.round(decimals)?,
            (function, _) => {
                let expected = match function {
                    Function::One(_) => "one argument",
                    Function::Two(_) => "two arguments",
                    Function::Many(_) => "one or more arguments",
                    Function::Round => "a number and, if you like, how many decimals",
                };
                let count = arguments.len();
                return Err(ToolError::invalid(format!("`{name}` takes {expected}, not {count}")));
            }
        };
        self.worked(value)
    }
}

fn sum(numbers: &[Number]) -> Result<Number, ToolError> {
    numbers.iter().try_fold(Number::integer(0), |sum, number| sum.add(number))
}

fn mean(numbers: &[Number]) -> Result<Number, ToolError> {
    sum(numbers)?.divide(&Number::integer(numbers.len()))
}

/// The least (`Less`) or the largest (`Greater`) number; there is at least one.
fn extreme(numbers: &[Number], wanted: Ordering) -> Result<Number, ToolError> {
    let best = numbers.iter().reduce(|best, next| if next.compare(best) == wanted { next } else { best });
    best.cloned().ok_or_else(|| unexpected(None))
}

fn unexpected(token: Option<&Token>) -> ToolError {
    let what = match token {
        None => return ToolError::invalid("the expression ends too early; something is missing at its end"),
        Some(Token::Number(number)) => number.clone(),
        Some(Token::Name(name)) => name.clone(),
        Some(Token::Sign(sign)) => sign.to_string(),
        Some(Token::Percent) => "%".into(),
        Some(Token::Comma) => ",".into(),
    };
    ToolError::invalid(format!("`{what}` stands where it makes no sense; check the expression"))
}
