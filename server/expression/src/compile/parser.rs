//! From tokens to the tree. Nesting is bounded, so that no expression overflows the stack.

use std::sync::Arc;

use super::{
    ast::{Entry, Expr, Node},
    lexer::{Token, lex},
    macros,
};
use crate::{error::Issue, names, value::Value};

/// Expressions within expressions.
const NESTING_MAX: usize = 60;
/// Parts below parts: bounds the recursion of whoever walks the tree.
const HEIGHT_MAX: usize = 160;

pub(crate) type Parsed = Result<Node, Issue>;

/// Reads a whole expression.
pub(crate) fn parse(source: &str) -> Parsed {
    let mut parser = Parser { tokens: lex(source)?, next: 0, nesting: 0 };
    let node = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(node),
        _ => parser.unexpected("<EOF>"),
    }
}

pub(crate) fn issue<T>(at: usize, message: impl Into<String>) -> Result<T, Issue> {
    Err(Issue { at: Some(at), message: message.into() })
}

/// A node, unless the tree below it is too high.
pub(crate) fn node(at: usize, expr: Expr) -> Parsed {
    let node = Node::new(at, expr);
    if node.height > HEIGHT_MAX {
        return issue(at, format!("expression recursion limit exceeded: {HEIGHT_MAX}"));
    }
    Ok(node)
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    nesting: usize,
}

/// Binary operators that bind to the left: symbol, function, strength.
const OPERATORS: &[(&str, &str, u8)] = &[
    ("||", "_||_", 1),
    ("&&", "_&&_", 2),
    ("<", "_<_", 3),
    ("<=", "_<=_", 3),
    (">=", "_>=_", 3),
    (">", "_>_", 3),
    ("==", "_==_", 3),
    ("!=", "_!=_", 3),
    ("in", "@in", 3),
    ("+", "_+_", 4),
    ("-", "_-_", 4),
    ("*", "_*_", 5),
    ("/", "_/_", 5),
    ("%", "_%_", 5),
];

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].1
    }

    fn at(&self) -> usize {
        self.tokens[self.next].0
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.next].1.clone();
        if token != Token::End {
            self.next += 1;
        }
        token
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Issue> {
        if self.take(symbol) { Ok(()) } else { self.unexpected(symbol).map(|_: Node| ()) }
    }

    fn unexpected<T>(&self, expecting: &str) -> Result<T, Issue> {
        let found = match self.peek() {
            Token::Name(name) | Token::Quoted(name) => name.clone(),
            Token::Int(number) | Token::Uint(number) => number.to_string(),
            Token::Double(number) => number.to_string(),
            Token::Text(text) => format!("{text:?}"),
            Token::Bytes(_) => "b\"...\"".to_owned(),
            Token::Symbol(symbol) => (*symbol).to_owned(),
            Token::End => "<EOF>".to_owned(),
        };
        let message = format!("Syntax error: mismatched input '{found}' expecting '{expecting}'");
        issue(self.at(), message)
    }

    fn expression(&mut self) -> Parsed {
        if self.nesting >= NESTING_MAX {
            let message = format!("expression recursion limit exceeded: {NESTING_MAX}");
            return issue(self.at(), message);
        }
        self.nesting += 1;
        let node = self.conditional();
        self.nesting -= 1;
        node
    }

    /// A chain of `a ? b : c ? d : e` is read without recursion for each link.
    fn conditional(&mut self) -> Parsed {
        let mut links = Vec::new();
        let mut last = self.binary(1)?;
        loop {
            let at = self.at();
            if !self.take("?") {
                break;
            }
            let then = self.expression()?;
            self.expect(":")?;
            links.push((at, last, then));
            last = self.binary(1)?;
        }
        while let Some((at, condition, then)) = links.pop() {
            last = node(at, Expr::Conditional(Box::new([condition, then, last])))?;
        }
        Ok(last)
    }

    fn operator(&self) -> Option<&'static (&'static str, &'static str, u8)> {
        let symbol = match self.peek() {
            Token::Symbol(symbol) => *symbol,
            Token::Name(name) if name == "in" => "in",
            _ => return None,
        };
        OPERATORS.iter().find(|(known, ..)| *known == symbol)
    }

    /// Operators of at least this strength.
    fn binary(&mut self, strength_min: u8) -> Parsed {
        let mut left = self.unary()?;
        while let Some((symbol, function, strength)) = self.operator()
            && *strength >= strength_min
        {
            let at = self.at();
            self.next += 1;
            let right = self.binary(strength + 1)?;
            let (is_or, is_and) = (*symbol == "||", *symbol == "&&");
            if !is_or && !is_and {
                left = call(at, function, vec![left, right], false)?;
                continue;
            }
            // A long chain of one of these is one flat part, so that it is not high.
            let mut terms = vec![left, right];
            while self.take(symbol) {
                terms.push(self.binary(strength + 1)?);
            }
            left = node(at, if is_or { Expr::Or(terms) } else { Expr::And(terms) })?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let at = self.at();
        let symbol = match self.peek() {
            Token::Symbol(symbol @ ("!" | "-")) => *symbol,
            _ => return self.member(),
        };
        let mut count = 0;
        while self.take(symbol) {
            count += 1;
        }
        // Twice is not at all.
        let is_effective = count % 2 == 1;
        if symbol == "-"
            && is_effective
            && let Some(number) = self.negative()?
        {
            return self.members(number);
        }
        let operand = self.member()?;
        if !is_effective {
            return Ok(operand);
        }
        call(at, if symbol == "!" { "!_" } else { "-_" }, vec![operand], false)
    }

    /// The number after a minus.
    fn negative(&mut self) -> Result<Option<Node>, Issue> {
        let at = self.at();
        let value = match self.peek() {
            Token::Int(number) => match 0_i64.checked_sub_unsigned(*number) {
                Some(number) => Value::Int(number),
                None => return issue(at, "Syntax error: invalid int literal"),
            },
            Token::Double(number) => Value::Double(-number),
            _ => return Ok(None),
        };
        self.next += 1;
        node(at, Expr::Literal(value)).map(Some)
    }

    fn member(&mut self) -> Parsed {
        let primary = self.primary()?;
        self.members(primary)
    }

    /// What follows a part: fields, indexes, calls.
    fn members(&mut self, mut operand: Node) -> Parsed {
        loop {
            let at = self.at();
            if self.take(".") {
                let optional = self.take("?");
                let field: Arc<str> = self.field_name()?.into();
                operand = if !optional && self.take("(") {
                    let args = self.arguments()?;
                    macros::member_call(at, operand, &field, args)?
                } else {
                    let operand = Box::new(operand);
                    node(at, Expr::Select { operand, field, optional })?
                };
            } else if self.take("[") {
                let optional = self.take("?");
                let index = Box::new(self.expression()?);
                self.expect("]")?;
                let operand_box = Box::new(operand);
                operand = node(at, Expr::Index { operand: operand_box, index, optional })?;
            } else if self.is("{")
                && let Some(name) = operand.path()
            {
                self.next += 1;
                operand = self.fields(at, name.into())?;
            } else {
                return Ok(operand);
            }
        }
    }

    fn field_name(&mut self) -> Result<String, Issue> {
        match self.peek() {
            Token::Name(name) if names::is_keyword(name) => self.unexpected("IDENTIFIER"),
            Token::Name(name) | Token::Quoted(name) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => self.unexpected("IDENTIFIER"),
        }
    }

    /// Arguments up to the closing parenthesis.
    fn arguments(&mut self) -> Result<Vec<Node>, Issue> {
        let mut args = Vec::new();
        if self.take(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression()?);
            if !self.take(",") {
                self.expect(")")?;
                return Ok(args);
            }
        }
    }

    fn primary(&mut self) -> Parsed {
        let at = self.at();
        let literal = match self.advance() {
            Token::Symbol("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol("[") => return self.list(at),
            Token::Symbol("{") => return self.map(at),
            Token::Symbol(".") => {
                let Token::Name(name) = self.advance() else {
                    return self.unexpected("IDENTIFIER");
                };
                return self.name(at, &name);
            }
            Token::Name(name) => match name.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                name => return self.name(at, name),
            },
            Token::Int(number) => match i64::try_from(number) {
                Ok(number) => Value::Int(number),
                Err(_) => return issue(at, "Syntax error: invalid int literal"),
            },
            Token::Uint(number) => Value::Uint(number),
            Token::Double(number) => Value::Double(number),
            Token::Text(text) => Value::string(text),
            Token::Bytes(bytes) => Value::Bytes(bytes.into()),
            Token::End => return self.unexpected("IDENTIFIER"),
            Token::Quoted(_) | Token::Symbol(_) => {
                self.next -= 1;
                return self.unexpected("IDENTIFIER");
            }
        };
        node(at, Expr::Literal(literal))
    }

    fn name(&mut self, at: usize, name: &str) -> Parsed {
        if names::is_reserved(name) {
            return issue(at, format!("Syntax error: reserved identifier: {name}"));
        }
        if self.take("(") {
            let args = self.arguments()?;
            return macros::global_call(at, name, args);
        }
        node(at, Expr::Name(name.into()))
    }

    fn list(&mut self, at: usize) -> Parsed {
        let mut items = Vec::new();
        while !self.take("]") {
            let optional = self.take("?");
            items.push((optional, self.expression()?));
            if !self.take(",") {
                self.expect("]")?;
                break;
            }
        }
        node(at, Expr::List(items))
    }

    fn map(&mut self, at: usize) -> Parsed {
        let mut entries = Vec::new();
        while !self.take("}") {
            let optional = self.take("?");
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            entries.push(Entry { key, value, optional });
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        node(at, Expr::Map(entries))
    }

    fn fields(&mut self, at: usize, name: Arc<str>) -> Parsed {
        let mut fields = Vec::new();
        while !self.take("}") {
            let optional = self.take("?");
            let field = self.field_name()?;
            self.expect(":")?;
            fields.push((field.into(), optional, self.expression()?));
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        node(at, Expr::Struct { name, fields })
    }
}

/// A call of a function whose meaning the checker finds.
pub(crate) fn call(at: usize, name: &str, args: Vec<Node>, is_member: bool) -> Parsed {
    node(at, Expr::Call { name: name.into(), args, is_member, overloads: Vec::new() })
}
