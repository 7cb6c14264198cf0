//! Reads an expression as models write it into tokens: currency signs, thousands separators, unicode operators.

use agentic_core::ToolError;

/// Characters of an expression.
const MAX_CHARS: usize = 10_000;

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A number: digits, at most one point, at most one exponent.
    Number(String),
    /// A function, a constant or a word for an operator.
    Name(String),
    /// `+ - * / ^ ! ( )`.
    Sign(char),
    /// `%`: percent or modulo, as what follows tells.
    Percent,
    /// Between the arguments of a function.
    Comma,
}

/// The tokens of an expression.
pub(super) fn read(expression: &str) -> Result<Vec<Token>, ToolError> {
    if expression.chars().count() > MAX_CHARS {
        let message = format!("the expression has more than {MAX_CHARS} characters; calculate it in parts");
        return Err(ToolError::invalid(message));
    }
    let text: Vec<char> =
        expression.trim().trim_start_matches('=').trim_end_matches(['=', '?', ';', ' ']).chars().collect();
    Reader { text, at: 0, calls: Vec::new(), currency: None, tokens: Vec::new() }.read()
}

struct Reader {
    text: Vec<char>,
    at: usize,
    /// For each open bracket, whether it is a function's.
    calls: Vec<bool>,
    currency: Option<char>,
    tokens: Vec<Token>,
}

impl Reader {
    fn read(mut self) -> Result<Vec<Token>, ToolError> {
        while let Some(c) = self.peek(0) {
            match c {
                _ if c.is_whitespace() || matches!(c, '`' | '_') => self.at += 1,
                '0'..='9' | '.' => self.number()?,
                'a'..='z' | 'A'..='Z' | 'π' => self.name()?,
                '$' | '€' | '£' | '¥' | '₹' => self.money(c)?,
                '*' if self.peek(1) == Some('*') => self.push(Token::Sign('^'), 2),
                '+' | '-' | '*' | '/' | '^' | '!' => self.push(Token::Sign(c), 1),
                '×' | '·' | '∙' | '⋅' | '✕' => self.push(Token::Sign('*'), 1),
                '÷' | '∕' | '⁄' | ':' => self.push(Token::Sign('/'), 1),
                '−' | '–' | '—' | '‐' => self.push(Token::Sign('-'), 1),
                '²' => self.power("2"),
                '³' => self.power("3"),
                '√' => self.push(Token::Name("sqrt".into()), 1),
                '%' => self.push(Token::Percent, 1),
                '(' | '[' | '{' => self.open(),
                ')' | ']' | '}' => self.close()?,
                ',' | ';' if self.in_call() => self.push(Token::Comma, 1),
                ',' => return Err(comma("a comma stands outside of a function's arguments")),
                '=' | '<' | '>' => {
                    let message = format!(
                        "`{c}` is no sum: the calculator calculates one value; give only the expression"
                    );
                    return Err(ToolError::invalid(message));
                }
                _ => return Err(ToolError::invalid(format!("`{c}` can't be calculated; leave it out"))),
            }
        }
        match self.calls.len() {
            0 => Ok(self.tokens),
            1 => Err(ToolError::invalid("one bracket is not closed; add `)`")),
            open => Err(ToolError::invalid(format!("{open} brackets are not closed; add `)`"))),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn push(&mut self, token: Token, chars: usize) {
        self.tokens.push(token);
        self.at += chars;
    }

    fn power(&mut self, exponent: &str) {
        self.tokens.push(Token::Sign('^'));
        self.push(Token::Number(exponent.into()), 1);
    }

    fn in_call(&self) -> bool {
        self.calls.last() == Some(&true)
    }

    fn open(&mut self) {
        self.calls.push(
            matches!(self.tokens.last(), Some(Token::Name(name)) if super::evaluate::is_function(name)),
        );
        self.push(Token::Sign('('), 1);
    }

    fn close(&mut self) -> Result<(), ToolError> {
        if self.calls.pop().is_none() {
            return Err(ToolError::invalid("there is a `)` too many; take it out"));
        }
        self.push(Token::Sign(')'), 1);
        Ok(())
    }

    /// A currency sign says nothing to a calculation, unless there are two currencies.
    fn money(&mut self, sign: char) -> Result<(), ToolError> {
        self.at += 1;
        match self.currency.replace(sign) {
            Some(other) if other != sign => {
                let message = format!("`{other}` and `{sign}` are two currencies; convert the amounts first");
                Err(ToolError::invalid(message))
            }
            _ => Ok(()),
        }
    }

    fn name(&mut self) -> Result<(), ToolError> {
        if matches!(self.peek(0), Some('x' | 'X')) && !self.peek(1).is_some_and(|c| c.is_ascii_alphabetic()) {
            self.push(Token::Sign('*'), 1);
            return Ok(());
        }
        let start = self.at;
        while self.peek(0).is_some_and(|c| c.is_ascii_alphanumeric() || c == 'π') {
            self.at += 1;
        }
        let name: String = self.text[start..self.at].iter().collect();
        if name == super::evaluate::VALUES && matches!(self.peek(0), Some('[' | '.')) {
            // What of them was not read is left out, and their places change.
            let message = "single `values` can't be picked; write their numbers, like \"12.50 - 3.20\"";
            return Err(ToolError::invalid(message));
        }
        self.tokens.push(match &*name.to_ascii_lowercase() {
            "π" => Token::Name("pi".into()),
            "times" | "of" => Token::Sign('*'),
            "plus" => Token::Sign('+'),
            "minus" => Token::Sign('-'),
            "percent" => Token::Percent,
            other => Token::Name(other.into()),
        });
        Ok(())
    }

    fn digits(&mut self, into: &mut String) -> usize {
        let start = self.at;
        while let Some(c) = self.peek(0).filter(char::is_ascii_digit) {
            into.push(c);
            self.at += 1;
        }
        self.at - start
    }

    /// `1,234,567.89`, `.5`, `1e-3`, `1_000`.
    fn number(&mut self) -> Result<(), ToolError> {
        if matches!(self.tokens.last(), Some(Token::Number(_))) {
            let message = "two numbers stand side by side; put an operator between them, or leave the space in a number out";
            return Err(ToolError::invalid(message));
        }
        let mut number = String::new();
        let mut first = self.digits(&mut number);
        while self.peek(0) == Some('_') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            first += self.digits(&mut number);
        }
        self.thousands(&mut number, first)?;
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            if number.is_empty() {
                number.push('0');
            }
            number.push('.');
            self.digits(&mut number);
        } else if self.peek(0) == Some('.') {
            self.at += 1;
        }
        if number.is_empty() || self.peek(0) == Some('.') {
            return Err(ToolError::invalid("a number has a point too many; write it like 1234.50"));
        }
        self.exponent(&mut number)?;
        self.tokens.push(Token::Number(number));
        Ok(())
    }

    fn thousands(&mut self, number: &mut String, first: usize) -> Result<(), ToolError> {
        let is_group = |at: usize| {
            self.text.get(at) == Some(&',')
                && (1..=3).all(|next| self.text.get(at + next).is_some_and(char::is_ascii_digit))
                && !self.text.get(at + 4).is_some_and(char::is_ascii_digit)
        };
        let mut end = self.at;
        while (1..=3).contains(&first) && is_group(end) {
            end += 4;
        }
        let groups = end > self.at;
        // `max(100,200)` has two arguments or one.
        if groups && self.calls.contains(&true) {
            return Err(comma("in a function's brackets a comma may separate arguments or thousands"));
        }
        if !groups && !self.calls.contains(&true) && self.peek(0) == Some(',') {
            return Err(comma("a comma is neither a decimal point nor a thousands separator here"));
        }
        number.extend(self.text[self.at..end].iter().filter(|c| **c != ','));
        self.at = end;
        Ok(())
    }

    fn exponent(&mut self, number: &mut String) -> Result<(), ToolError> {
        if !matches!(self.peek(0), Some('e' | 'E')) {
            return Ok(());
        }
        let sign = self.peek(1).filter(|c| matches!(c, '+' | '-'));
        let skip = 1 + usize::from(sign.is_some());
        if !self.peek(skip).is_some_and(|c| c.is_ascii_digit()) {
            return Ok(());
        }
        self.at += skip;
        let mut digits = String::new();
        if self.digits(&mut digits) > 4 {
            return Err(ToolError::invalid("a number's exponent is too large; use at most 4 digits"));
        }
        number.push('e');
        number.extend(sign.filter(|sign| *sign == '-'));
        number.push_str(&digits);
        Ok(())
    }
}

fn comma(what: &str) -> ToolError {
    let advice = "write numbers like 1234.50, and `, ` with a space between arguments";
    ToolError::invalid(format!("{what}; {advice}"))
}
