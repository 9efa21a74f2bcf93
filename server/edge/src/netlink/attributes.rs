//! Attributes: length, kind, value, padded to four bytes. Numbers are in network order.

/// Set in the kind of an attribute that holds attributes.
const NESTED: u16 = 0x8000;
const KIND_MASK: u16 = 0x3fff;
const HEADER: usize = 4;

/// Writes attributes at the end of a buffer.
pub(crate) struct Attributes<'b>(pub(super) &'b mut Vec<u8>);

impl<'b> Attributes<'b> {
    pub(crate) fn to(buffer: &'b mut Vec<u8>) -> Self {
        Self(buffer)
    }

    pub(crate) fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.header(kind, value.len());
        self.0.extend_from_slice(value);
        self.pad();
        self
    }

    pub(crate) fn string(&mut self, kind: u16, value: &str) -> &mut Self {
        self.header(kind, value.len() + 1);
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(0);
        self.pad();
        self
    }

    pub(crate) fn u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.bytes(kind, &[value])
    }

    pub(crate) fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(crate) fn nested(
        &mut self,
        kind: u16,
        write: impl FnOnce(&mut Attributes<'_>),
    ) -> &mut Self {
        let start = self.0.len();
        self.header(kind | NESTED, 0);
        write(&mut Attributes(self.0));
        let length = length_of(self.0.len() - start);
        self.0[start..start + 2].copy_from_slice(&length);
        self
    }

    /// Takes over attributes that are written already.
    pub(crate) fn raw(&mut self, attributes: &[u8]) {
        self.0.extend_from_slice(attributes);
    }

    /// How many bytes the buffer holds.
    pub(crate) fn position(&self) -> usize {
        self.0.len()
    }

    fn header(&mut self, kind: u16, value_length: usize) {
        self.0.extend_from_slice(&length_of(HEADER + value_length));
        self.0.extend_from_slice(&kind.to_ne_bytes());
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

fn length_of(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).expect("writers bound what they put into one attribute").to_ne_bytes()
}

/// Reads attributes: the kind and the value of each.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (header, _) = bytes.split_at_checked(HEADER)?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & KIND_MASK;
        let value = bytes.get(HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of a kind.
pub(crate) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_written() {
        let mut buffer = Vec::new();
        Attributes::to(&mut buffer).string(1, "abc").nested(2, |inner| {
            inner.u32(7, 0x0102_0304).u8(8, 5);
        });
        assert_eq!(buffer.len() % 4, 0);
        assert_eq!(find(&buffer, 1), Some(&b"abc\0"[..]));
        let inner: Vec<_> = attributes(find(&buffer, 2).unwrap()).collect();
        assert_eq!(inner, [(7, &[1, 2, 3, 4][..]), (8, &[5][..])]);
        assert_eq!(find(&buffer, 3), None);
    }

    #[test]
    fn garbage_ends_the_reading() {
        assert_eq!(attributes(&[9, 0, 1, 0, 1]).count(), 0);
        assert_eq!(attributes(&[1, 0, 1, 0, 1, 1, 1, 1]).count(), 0);
    }
}
