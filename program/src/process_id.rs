//! What tells one running program from all others.
//!
//! It must not know what it is told to.

use std::io;

/// 128 random bits as 32 hex digits, drawn anew by each process: two clients of one person are two.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn draw() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_32_hex_digits_and_is_never_drawn_twice() {
        let (one, other) = (draw().unwrap(), draw().unwrap());
        assert!(one.len() == 32 && one.bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert_ne!(one, other);
    }
}
