//! Where fields stand in a YAML text that is written in lines. The parser tells which fields stand
//! twice but not where, and Kubernetes names the line.

/// The lines, counted from one, on which fields stand: `spec.ports[0].name`.
pub(super) fn of_field(text: &str, path: &str) -> Vec<usize> {
    let mut scan = Scan::default();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if scan.line(line).as_deref() == Some(path) {
            found.push(index + 1);
        }
    }
    found
}

/// A mapping or a sequence that is open.
struct Level {
    column: usize,
    path: String,
    /// Of a sequence, the item that is open.
    item: Option<usize>,
}

impl Level {
    fn child(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path),
        }
    }
}

#[derive(Default)]
struct Scan {
    levels: Vec<Level>,
    /// What the next deeper level is the value of.
    at: String,
    /// The column of the field whose text of several lines goes on.
    block: Option<usize>,
}

impl Scan {
    /// The field that stands on a line.
    fn line(&mut self, line: &str) -> Option<String> {
        let mut rest = line.trim_start_matches(' ');
        let mut column = line.len() - rest.len();
        if rest.trim_end().is_empty() || rest.starts_with('#') || rest.starts_with("---") {
            return None;
        }
        if self.block.is_some_and(|start| column > start) {
            return None;
        }
        self.block = None;
        while let Some(after) =
            rest.strip_prefix('-').filter(|r| r.is_empty() || r.starts_with(' '))
        {
            self.item(column);
            let trimmed = after.trim_start_matches(' ');
            column += 1 + after.len() - trimmed.len();
            rest = trimmed;
        }
        let (name, value) = split(rest)?;
        let field = self.field(column, name);
        if value.starts_with(['|', '>']) {
            self.block = Some(column);
        }
        Some(field)
    }

    /// Opens the next item of the sequence in a column.
    fn item(&mut self, column: usize) {
        while self.levels.last().is_some_and(|level| level.column > column) {
            self.levels.pop();
        }
        match self.levels.last_mut() {
            Some(Level { column: own, item: Some(item), .. }) if *own == column => *item += 1,
            _ => self.levels.push(Level { column, path: self.at.clone(), item: Some(0) }),
        }
        if let Some(Level { path, item: Some(item), .. }) = self.levels.last() {
            self.at = format!("{path}[{item}]");
        }
    }

    /// Notes a field of the mapping in a column.
    fn field(&mut self, column: usize, name: &str) -> String {
        let ends = |level: &Level| {
            level.column > column || (level.column == column && level.item.is_some())
        };
        while self.levels.last().is_some_and(ends) {
            self.levels.pop();
        }
        if self.levels.last().is_none_or(|level| level.column < column) {
            self.levels.push(Level { column, path: self.at.clone(), item: None });
        }
        let level = self.levels.last().expect("one was pushed if there was none");
        self.at = level.child(name);
        self.at.clone()
    }
}

/// A field's name and what stands behind it on its line.
fn split(text: &str) -> Option<(&str, &str)> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let (name, rest) = text[1..].split_once(quote)?;
        return Some((name, rest.strip_prefix(':')?.trim_start()));
    }
    match text.split_once(": ") {
        Some((name, value)) => Some((name, value.trim_start())),
        None => Some((text.trim_end().strip_suffix(':')?, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
kind: A
spec:
  foo: 1
  text: |
    foo: no field
  'foo': 2
  list:
  - name: x
    foo: 3
  -   name: y
      \"name\": z
  deep:
    - - a: 1
        a: 2
kind: B
";

    #[test]
    fn finds_fields() {
        for (path, lines) in [
            ("kind", vec![2, 16]),
            ("spec.foo", vec![4, 7]),
            ("spec.list[0].foo", vec![10]),
            ("spec.list[1].name", vec![11, 12]),
            ("spec.deep[0][0].a", vec![14, 15]),
            ("spec.text.foo", vec![]),
        ] {
            assert_eq!(of_field(TEXT, path), lines, "{path}");
        }
    }
}
