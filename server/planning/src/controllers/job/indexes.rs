//! Sets of completion indexes, written as `1,3-5,7`.

use std::fmt;

/// Ranges with both ends, in order, that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes(Vec<(u32, u32)>);

impl Indexes {
    /// What lies at or above the bound, or can not be read, is left out.
    pub(super) fn parse(text: &str, below: u32) -> Self {
        let mut all = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>())
                && first < below
            {
                all.insert_range(first, last.min(below - 1));
            }
        }
        all
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(at).is_some_and(|(first, _)| *first <= index)
    }

    pub(super) fn insert(&mut self, index: u32) {
        self.insert_range(index, index);
    }

    fn insert_range(&mut self, first: u32, last: u32) {
        if last < first {
            return;
        }
        // All that overlap or touch become one.
        let from = self.0.partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = self.0.partition_point(|(begin, _)| *begin <= last.saturating_add(1));
        let joined = self.0[from..to.max(from)]
            .iter()
            .fold((first, last), |(a, b), (begin, end)| (a.min(*begin), b.max(*end)));
        self.0.splice(from..to.max(from), [joined]);
    }

    pub(super) fn len(&self) -> u32 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// How many of these are in the other set, too.
    pub(super) fn common(&self, other: &Self) -> u32 {
        let overlap = |(a, b): &(u32, u32)| {
            other
                .0
                .iter()
                .filter(|(c, d)| a <= d && c <= b)
                .map(|(c, d)| b.min(d) - a.max(c) + 1)
                .sum::<u32>()
        };
        self.0.iter().map(overlap).sum()
    }

    /// The lowest indexes below a bound that are not in the set.
    pub(super) fn gaps(&self, below: u32) -> impl Iterator<Item = u32> {
        let starts =
            std::iter::once(0).chain(self.0.iter().map(|(_, last)| last.saturating_add(1)));
        let ends = self.0.iter().map(|(first, _)| *first).chain(std::iter::once(below));
        starts.zip(ends).flat_map(move |(start, end)| start..end.min(below))
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_writes_ranges() {
        for (text, written) in
            [("", ""), ("1,3-5,7", "1,3-5,7"), ("0-1", "0,1"), ("2,1,3", "1-3"), ("8-20,x", "8,9")]
        {
            assert_eq!(Indexes::parse(text, 10).to_string(), written);
        }
        let ten_thousand = Indexes::parse("0-9999", 10_000);
        assert_eq!((ten_thousand.len(), ten_thousand.gaps(10_000).next()), (10_000, None));
    }

    proptest! {
        #[test]
        fn behaves_as_a_set(
            own in proptest::collection::vec(0..40_u32, 0..40),
            others in proptest::collection::vec(0..40_u32, 0..40),
        ) {
            let make = |of: &[u32]| {
                let mut indexes = Indexes::default();
                of.iter().for_each(|index| indexes.insert(*index));
                indexes
            };
            let indexes = make(&own);
            let set: BTreeSet<u32> = own.iter().copied().collect();
            let other: BTreeSet<u32> = others.iter().copied().collect();
            prop_assert_eq!(indexes.len() as usize, set.len());
            prop_assert!((0..45).all(|index| indexes.contains(index) == set.contains(&index)));
            let gaps: Vec<u32> = (0..40).filter(|index| !set.contains(index)).collect();
            prop_assert_eq!(indexes.gaps(40).collect::<Vec<_>>(), gaps);
            let common = set.intersection(&other).count();
            prop_assert_eq!(indexes.common(&make(&others)) as usize, common);
            prop_assert_eq!(&Indexes::parse(&indexes.to_string(), 40), &indexes);
        }
    }
}
