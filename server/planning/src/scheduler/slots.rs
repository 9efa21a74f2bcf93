//! Numbered places for things that come and go: numbers are small, dense and used again.

use std::{collections::BTreeMap, sync::Arc};

pub(super) struct Slots<T> {
    rows: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.rows[at as usize] = Some(value);
            return at;
        }
        self.rows.push(Some(value));
        u32::try_from(self.rows.len() - 1).expect("fewer things than memory has room for")
    }

    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.rows[at as usize].take();
        if value.is_some() {
            self.free.push(at);
        }
        value
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.rows.get(at as usize)?.as_ref()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.rows).filter_map(|(at, row)| Some((at, row.as_ref()?)))
    }

    /// Past the highest number that was ever given.
    pub(super) fn bound(&self) -> usize {
        self.rows.len()
    }
}

const HELD: &str = "numbers are held by those that keep what they stand for";

impl<T> std::ops::Index<u32> for Slots<T> {
    type Output = T;
    fn index(&self, at: u32) -> &T {
        self.rows[at as usize].as_ref().expect(HELD)
    }
}

impl<T> std::ops::IndexMut<u32> for Slots<T> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        self.rows[at as usize].as_mut().expect(HELD)
    }
}

/// Things that many share, found by a text that says all of them; each goes with its last user.
pub(super) struct Table<T> {
    by_text: BTreeMap<Arc<str>, u32>,
    rows: Slots<Row<T>>,
}

struct Row<T> {
    text: Arc<str>,
    users: u32,
    value: T,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { by_text: BTreeMap::new(), rows: Slots::default() }
    }
}

impl<T> Table<T> {
    /// One more user of what the text says, if it is there.
    pub(super) fn share(&mut self, text: &str) -> Option<u32> {
        let at = *self.by_text.get(text)?;
        self.rows[at].users += 1;
        Some(at)
    }

    /// What was not there, with its first user.
    pub(super) fn insert(&mut self, text: &str, value: T) -> u32 {
        let text: Arc<str> = text.into();
        let at = self.rows.insert(Row { text: text.clone(), users: 1, value });
        self.by_text.insert(text, at);
        at
    }

    /// One user less; the thing itself when that was the last.
    pub(super) fn release(&mut self, at: u32) -> Option<T> {
        self.rows[at].users -= 1;
        if self.rows[at].users > 0 {
            return None;
        }
        let row = self.rows.remove(at)?;
        self.by_text.remove(&row.text);
        Some(row.value)
    }

    pub(super) fn text(&self, at: u32) -> &str {
        &self.rows[at].text
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.rows.iter().map(|(at, row)| (at, &row.value))
    }
}

impl<T> std::ops::Index<u32> for Table<T> {
    type Output = T;
    fn index(&self, at: u32) -> &T {
        &self.rows[at].value
    }
}

impl<T> std::ops::IndexMut<u32> for Table<T> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.rows[at].value
    }
}

/// Numbers for names.
#[derive(Default)]
pub(super) struct Names {
    by_name: BTreeMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).expect("names are few");
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.by_name.insert(name, number);
        number
    }

    pub(super) fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }
}
