//! mactella-peer: everything is in the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    mactella_peer::main()
}
