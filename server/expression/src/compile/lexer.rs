//! From text to tokens.

use crate::error::Issue;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Name(String),
    /// A field's name between backticks.
    Quoted(String),
    /// The magnitude; a minus is an operator.
    Int(u64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Symbol(&'static str),
    End,
}

/// Longer ones first.
const SYMBOLS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":",
    "+", "*", "/", "%", "<", ">",
];

/// All tokens with the place where each begins; the last is [`Token::End`].
pub(crate) fn lex(source: &str) -> Result<Vec<(usize, Token)>, Issue> {
    let mut tokens = Vec::new();
    let mut lexer = Lexer { source, at: 0 };
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let token = lexer.token()?;
        let is_last = token == Token::End;
        tokens.push((at, token));
        if is_last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn issue<T>(at: usize, message: impl Into<String>) -> Result<T, Issue> {
        Err(Issue { at: Some(at), message: format!("Syntax error: {}", message.into()) })
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// Takes the letters that fit.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|letter| !fits(letter)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn token(&mut self) -> Result<Token, Issue> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        if let Some(prefix) = text_prefix(rest) {
            return self.text(prefix);
        }
        let second = rest[first.len_utf8()..].chars().next();
        if first.is_ascii_digit() || first == '.' && second.is_some_and(|c| c.is_ascii_digit()) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let name = self.take(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            return Ok(Token::Name(name.to_owned()));
        }
        if first == '`' {
            return self.quoted();
        }
        let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) else {
            return Self::issue(self.at, format!("token recognition error at: '{first}'"));
        };
        self.at += symbol.len();
        Ok(Token::Symbol(symbol))
    }

    fn quoted(&mut self) -> Result<Token, Issue> {
        let start = self.at;
        self.at += 1;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "_.-/ ".contains(letter);
        let name = self.take(fits).to_owned();
        if name.is_empty() || !self.rest().starts_with('`') {
            return Self::issue(start, "token recognition error at: '`'");
        }
        self.at += 1;
        Ok(Token::Quoted(name))
    }

    fn number(&mut self) -> Result<Token, Issue> {
        let start = self.at;
        let rest = self.rest();
        if let Some(digits) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
            let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
            self.at += 2 + end;
            return self.whole(start, u64::from_str_radix(&digits[..end], 16).ok());
        }
        self.take(|c| c.is_ascii_digit());
        let mut is_double = false;
        let after = self.rest().strip_prefix('.');
        if after.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            is_double = true;
            self.at += 1;
            self.take(|c| c.is_ascii_digit());
        }
        if let Some(exponent) = self.rest().strip_prefix(['e', 'E']) {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.starts_with(|c: char| c.is_ascii_digit()) {
                is_double = true;
                self.at += 1 + exponent.len() - digits.len();
                self.take(|c| c.is_ascii_digit());
            }
        }
        let text = &self.source[start..self.at];
        if !is_double {
            return self.whole(start, text.parse().ok());
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Double(number)),
            _ => Self::issue(start, "invalid double literal"),
        }
    }

    fn whole(&mut self, start: usize, number: Option<u64>) -> Result<Token, Issue> {
        let is_unsigned = self.rest().starts_with(['u', 'U']);
        match number {
            Some(number) if is_unsigned => {
                self.at += 1;
                Ok(Token::Uint(number))
            }
            Some(number) => Ok(Token::Int(number)),
            None => Self::issue(start, "invalid int literal"),
        }
    }

    fn text(&mut self, prefix: Prefix) -> Result<Token, Issue> {
        let start = self.at;
        self.at += prefix.length;
        let rest = self.rest();
        let quote = if rest.starts_with(r#"""""#) || rest.starts_with("'''") {
            &rest[..3]
        } else {
            &rest[..1]
        };
        self.at += quote.len();
        let mut bytes = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                self.at += quote.len();
                break;
            }
            let Some(letter) = rest.chars().next() else {
                return Self::issue(start, "unterminated string literal");
            };
            if quote.len() == 1 && matches!(letter, '\n' | '\r') {
                return Self::issue(start, "unterminated string literal");
            }
            self.at += letter.len_utf8();
            if letter == '\\' && !prefix.is_raw {
                self.escape(start, prefix.is_bytes, &mut bytes)?;
            } else {
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        if prefix.is_bytes {
            return Ok(Token::Bytes(bytes));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Token::Text(text)),
            Err(_) => Self::issue(start, "invalid string literal"),
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self, start: usize, is_bytes: bool, bytes: &mut Vec<u8>) -> Result<(), Issue> {
        const BAD: &str = "invalid escape sequence in string literal";
        let Some(letter) = self.rest().chars().next() else {
            return Self::issue(start, "unterminated string literal");
        };
        self.at += letter.len_utf8();
        let plain = match letter {
            'a' => Some(7),
            'b' => Some(8),
            'f' => Some(12),
            'n' => Some(b'\n'),
            'r' => Some(b'\r'),
            't' => Some(b'\t'),
            'v' => Some(11),
            '\\' | '?' | '"' | '\'' | '`' => u8::try_from(letter).ok(),
            _ => None,
        };
        if let Some(byte) = plain {
            bytes.push(byte);
            return Ok(());
        }
        let (digits, radix) = match letter {
            'x' | 'X' => (2, 16),
            'u' if !is_bytes => (4, 16),
            'U' if !is_bytes => (8, 16),
            '0'..='3' => {
                self.at -= 1;
                (3, 8)
            }
            _ => return Self::issue(start, BAD),
        };
        let code = self.rest().get(..digits).and_then(|text| u32::from_str_radix(text, radix).ok());
        self.at += digits;
        let Some(code) = code else { return Self::issue(start, BAD) };
        if is_bytes {
            let Ok(byte) = u8::try_from(code) else { return Self::issue(start, BAD) };
            bytes.push(byte);
            return Ok(());
        }
        let Some(letter) = char::from_u32(code) else { return Self::issue(start, BAD) };
        bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}

/// What stands before the quote of a text.
#[derive(Clone, Copy)]
struct Prefix {
    length: usize,
    is_raw: bool,
    is_bytes: bool,
}

/// The prefix of the text that begins here, if one does.
fn text_prefix(rest: &str) -> Option<Prefix> {
    let length = rest.bytes().take(3).position(|byte| byte == b'"' || byte == b'\'')?;
    let prefix = rest.get(..length)?.to_ascii_lowercase();
    let known = ["", "r", "b", "br", "rb"].contains(&prefix.as_str());
    let (is_raw, is_bytes) = (prefix.contains('r'), prefix.contains('b'));
    known.then_some(Prefix { length, is_raw, is_bytes })
}
