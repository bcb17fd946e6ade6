//! Digests and pieces against the published vectors and against `blake3::hash`.

use super::*;
use proptest::prelude::*;

/// The input of the published BLAKE3 test vectors: the bytes 0 to 250, repeated.
fn vector_input(byte_count: usize) -> Vec<u8> {
    (0..byte_count).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

fn digest_in_chunks(bytes: &[u8], chunk: usize) -> (Digest, Vec<PieceValue>) {
    let mut hasher = PieceHasher::default();
    bytes.chunks(chunk.max(1)).for_each(|part| hasher.update(part));
    hasher.finish()
}

#[test]
fn published_vectors_hold() {
    // From test_vectors.json of the BLAKE3 reference, the "hash" column's first 32 bytes.
    let vectors = [
        (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"),
        (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
        (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
        (102_400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"),
    ];
    for (byte_count, expected) in vectors {
        let (digest, _) = digest_in_chunks(&vector_input(byte_count), 700);
        assert_eq!(digest.to_string(), expected, "{byte_count} bytes");
    }
}

#[test]
fn pieces_merge_to_the_digest_at_every_size_around_the_boundaries() {
    let piece = usize::try_from(PIECE_BYTES).unwrap();
    let input = vector_input(9 * piece + 2);
    for pieces in [0, 1, 2, 3, 4, 5, 7, 8, 9] {
        for near in [-1025i64, -1024, -1, 0, 1, 1024, 1025] {
            let Ok(byte_count) = usize::try_from(pieces * i64::try_from(piece).unwrap() + near) else {
                continue;
            };
            let Some(bytes) = input.get(..byte_count) else { continue };
            let (digest, values) = digest_in_chunks(bytes, 300_000);
            assert_eq!(digest, Digest::of(bytes), "{byte_count} bytes");
            assert_eq!(values.len() as u64, piece_count(byte_count as u64));
            check_piece_list(&values, digest, byte_count as u64).unwrap();
        }
    }
}

#[test]
fn pushed_values_and_hashed_bytes_give_one_digest() {
    let piece = usize::try_from(PIECE_BYTES).unwrap();
    let bytes = vector_input(3 * piece + 77);
    let (digest, values) = digest_in_chunks(&bytes, piece);
    let mut hasher = PieceHasher::default();
    hasher.update(&bytes[..piece]);
    hasher.push_value(values[1], PIECE_BYTES).unwrap();
    hasher.update(&bytes[2 * piece..3 * piece]);
    hasher.push_value(values[3], 77).unwrap();
    assert_eq!(hasher.finish(), (digest, values));
}

#[test]
fn a_value_in_the_middle_of_a_piece_is_refused() {
    let mut hasher = PieceHasher::default();
    hasher.update(b"x");
    assert_eq!(hasher.push_value([0; 32], PIECE_BYTES), Err(PieceListError::Misaligned));
}

#[test]
fn a_list_of_another_length_is_no_proof() {
    let bytes = vector_input(4 << 20);
    let (digest, values) = digest_in_chunks(&bytes, 1 << 20);
    let halves = [subtree(&values[..2]), subtree(&values[2..])];
    assert_eq!(merge(&halves), digest.0, "two values do merge to the digest of four pieces");
    assert_eq!(check_piece_list(&halves, digest, 4 << 20), Err(PieceListError::Count));
}

#[test]
fn a_changed_value_is_no_proof() {
    let bytes = vector_input(3 << 20);
    let (digest, mut values) = digest_in_chunks(&bytes, 1 << 20);
    values[1][0] ^= 1;
    assert_eq!(check_piece_list(&values, digest, 3 << 20), Err(PieceListError::Digest));
}

#[test]
fn one_piece_alone_has_the_value_it_has_in_the_list() {
    let bytes = vector_input((2 << 20) + 5);
    let (_, values) = digest_in_chunks(&bytes, 4096);
    for (index, piece) in bytes.chunks(1 << 20).enumerate() {
        assert_eq!(piece_value(index as u64, piece), values[index]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_chunking_gives_the_same_digest(byte_count in 0usize..3_200_000, chunk in 1usize..1_500_000) {
        let bytes = vector_input(byte_count);
        prop_assert_eq!(digest_in_chunks(&bytes, chunk).0, Digest::of(&bytes));
    }
}

#[test]
fn the_text_of_a_digest_is_that_of_blake3_for_every_digit() {
    for first in 0..=u8::MAX {
        let bytes = std::array::from_fn(|index| first.wrapping_add(u8::try_from(index).unwrap() * 8));
        let text = Digest(bytes).to_string();
        assert_eq!(text, blake3::Hash::from_bytes(bytes).to_hex().as_str());
        assert_eq!(Digest::from_hex(&text), Some(Digest(bytes)));
    }
}
