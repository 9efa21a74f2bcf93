use proptest::prelude::*;

use super::*;
use bytes::BytesMut;

fn headers() -> impl Strategy<Value = Headers> {
    prop::collection::vec(("[a-z-]{1,20}", "[ -~]{0,200}"), 0..20)
}

fn frames() -> impl Strategy<Value = Frame> {
    let id = 0_u32..=VALUE_MASK;
    prop_oneof![
        (id.clone(), any::<bool>(), headers())
            .prop_map(|(stream, fin, headers)| Frame::SynStream { stream, fin, headers }),
        (id.clone(), any::<bool>(), headers()).prop_map(|(stream, fin, headers)| Frame::SynReply {
            stream,
            fin,
            headers
        }),
        (id.clone(), any::<bool>(), headers()).prop_map(|(stream, fin, headers)| Frame::Headers {
            stream,
            fin,
            headers
        }),
        (id.clone(), any::<u32>()).prop_map(|(stream, status)| Frame::Reset { stream, status }),
        prop::option::of(id.clone()).prop_map(|window_bytes| Frame::Settings { window_bytes }),
        id.clone().prop_map(Frame::Ping),
        (id.clone(), any::<u32>())
            .prop_map(|(last_stream, status)| Frame::GoAway { last_stream, status }),
        (id.clone(), id.clone()).prop_map(|(stream, delta)| Frame::WindowUpdate { stream, delta }),
        (id, any::<bool>(), prop::collection::vec(any::<u8>(), 0..2000))
            .prop_map(|(stream, fin, data)| Frame::Data { stream, fin, data: data.into() }),
    ]
}

fn encode(frames: &[Frame]) -> BytesMut {
    let mut encoder = Encoder::default();
    let mut wire = BytesMut::new();
    frames.iter().for_each(|frame| encoder.encode(frame, &mut wire));
    wire
}

/// Joins the pieces of data frames that were cut by the transport.
fn joined(frames: Vec<Frame>) -> Vec<(u32, bool, Vec<u8>)> {
    let mut all: Vec<(u32, bool, Vec<u8>)> = Vec::new();
    for frame in frames {
        let Frame::Data { stream, fin, data } = frame else { continue };
        match all.last_mut() {
            Some((last, false, bytes)) if *last == stream => {
                bytes.extend_from_slice(&data);
                all.last_mut().unwrap().1 = fin;
            }
            _ => all.push((stream, fin, data.to_vec())),
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decodes_what_it_encodes(frames in prop::collection::vec(frames(), 0..20)) {
        let mut wire = encode(&frames);
        let mut decoder = Decoder::default();
        let mut decoded = Vec::new();
        while let Some(frame) = decoder.decode(&mut wire).unwrap() {
            decoded.push(frame);
        }
        prop_assert_eq!(decoded, frames);
        prop_assert!(wire.is_empty());
    }

    #[test]
    fn does_not_care_how_the_bytes_are_cut(
        frames in prop::collection::vec(frames(), 0..10),
        piece in 1_usize..100,
    ) {
        let wire = encode(&frames);
        let (mut decoder, mut input, mut decoded) =
            (Decoder::default(), BytesMut::new(), Vec::new());
        for part in wire.chunks(piece) {
            input.extend_from_slice(part);
            while let Some(frame) = decoder.decode(&mut input).unwrap() {
                decoded.push(frame);
            }
        }
        prop_assert_eq!(joined(decoded.clone()), joined(frames.clone()));
        let control = |all: Vec<Frame>| -> Vec<Frame> {
            all.into_iter().filter(|frame| !matches!(frame, Frame::Data { .. })).collect()
        };
        prop_assert_eq!(control(decoded), control(frames));
    }

    #[test]
    fn survives_every_byte(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (mut decoder, mut input) = (Decoder::default(), BytesMut::from(&bytes[..]));
        while let Ok(Some(_)) = decoder.decode(&mut input) {}
    }

    /// Valid streams with some bytes changed reach the parts behind the lengths.
    #[test]
    fn survives_changed_bytes(
        frames in prop::collection::vec(frames(), 1..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut input = encode(&frames);
        for (at, byte) in changes {
            let at = at.index(input.len());
            input[at] = byte;
        }
        let mut decoder = Decoder::default();
        while let Ok(Some(_)) = decoder.decode(&mut input) {}
    }
}

/// Two streams as zlib's own implementation compresses their headers.
#[test]
fn reads_what_another_implementation_wrote() {
    let hex = concat!(
        "800300010000003d0000000100000000000078f9e3c6a7c202253a48f95b044eea1606160640",
        "9ab308125f99a074cc68004e892545a989b9d0c2863515141500000000ffff80030001000000",
        "1600000003000000000000225333a8a44a04000000ffff",
    );
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let (mut decoder, mut input) = (Decoder::default(), BytesMut::from(&bytes[..]));
    for (id, kind) in [(1, "error"), (3, "data")] {
        let Some(Frame::SynStream { stream, fin, headers }) = decoder.decode(&mut input).unwrap()
        else {
            panic!("a new stream");
        };
        let expected = [("port", "8080"), ("requestid", "0"), ("streamtype", kind)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!((stream, fin, headers), (id, false, expected.to_vec()));
    }
}

#[test]
fn refuses_what_can_not_go_on() {
    for (bytes, error) in [
        (&b"\x80\x02\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01"[..], SpdyError::Version(2)),
        (b"\x80\x03\x00\x06\x00\x00\x00\x02\x00\x00", SpdyError::Length(PING)),
        (b"\x80\x03\x00\x04\x00\x00\x00\x04\xff\xff\xff\xff", SpdyError::Length(SETTINGS)),
        (b"\x80\x03\x00\x08\x00\xff\xff\xff", SpdyError::TooLong(0x00ff_ffff)),
        (b"\x80\x03\x00\x02\x00\x00\x00\x06\x00\x00\x00\x01zz", SpdyError::Headers),
    ] {
        let mut input = BytesMut::from(bytes);
        assert_eq!(Decoder::default().decode(&mut input), Err(error));
    }
}

#[test]
fn skips_frames_of_other_types() {
    let mut input = BytesMut::from(&b"\x80\x03\x00\x0a\x00\x00\x00\x02zz"[..]);
    input.extend_from_slice(&encode(&[Frame::Ping(7)]));
    assert_eq!(Decoder::default().decode(&mut input), Ok(Some(Frame::Ping(7))));
}

/// A few bytes must not unfold to many.
#[test]
fn bounds_what_headers_unfold_to() {
    let value = "a".repeat(4 * CONTROL_BYTES_MAX);
    let headers = vec![("x".to_owned(), value)];
    let mut wire = encode(&[Frame::SynStream { stream: 1, fin: false, headers }]);
    assert!(wire.len() < 4096);
    let refused = Decoder::default().decode(&mut wire).unwrap_err();
    assert!(matches!(refused, SpdyError::TooLong(_)), "{refused}");
}
