//! Splits a label selector into tokens.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Comma,
    Open,
    Close,
    Not,
    Equals,
    NotEquals,
    Greater,
    Less,
    In,
    NotIn,
    /// A run of symbols that means nothing, as `=!`.
    Unknown(String),
    End,
}

impl Token {
    /// How an error message quotes the token.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Unknown(text) => text,
            Self::Comma => ",",
            Self::Open => "(",
            Self::Close => ")",
            Self::Not => "!",
            Self::Equals => "=",
            Self::NotEquals => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::In => "in",
            Self::NotIn => "notin",
            Self::End => "",
        }
    }

    /// The token where a value or a key is expected: there `in` and `notin` are plain words.
    pub(super) fn into_value(self) -> Self {
        match self {
            Self::In => Self::Word("in".to_owned()),
            Self::NotIn => Self::Word("notin".to_owned()),
            other => other,
        }
    }
}

/// All tokens of `text`, with [`Token::End`] last.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if is_symbol(first) { symbol(rest) } else { word(rest) };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    found.push(Token::End);
    found
}

fn is_symbol(c: char) -> bool {
    matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn word(text: &str) -> (Token, usize) {
    let length = text.find(|c: char| is_symbol(c) || c.is_whitespace()).unwrap_or(text.len());
    let token = match &text[..length] {
        "in" => Token::In,
        "notin" => Token::NotIn,
        other => Token::Word(other.to_owned()),
    };
    (token, length)
}

/// The longest symbol at the start of `text`.
fn symbol(text: &str) -> (Token, usize) {
    const SYMBOLS: [(&str, Token); 9] = [
        ("==", Token::Equals),
        ("!=", Token::NotEquals),
        ("=", Token::Equals),
        ("!", Token::Not),
        ("(", Token::Open),
        (")", Token::Close),
        (",", Token::Comma),
        (">", Token::Greater),
        ("<", Token::Less),
    ];
    SYMBOLS
        .into_iter()
        .find(|(symbol, _)| text.starts_with(symbol))
        .map_or_else(|| (Token::Unknown(text.to_owned()), text.len()), |(s, t)| (t, s.len()))
}
