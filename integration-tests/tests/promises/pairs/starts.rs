//! How the name that two are at may stand before they are.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What stands at the name `x` at first; beside it there are always the files `t`, `w` and `z`, and the folder `zf`.
pub(super) struct Start {
    pub(super) name: &'static str,
    put: fn(&Path),
}

/// What a file at `x` has at first.
pub(super) const OLD: &[u8] = b"old";

pub(super) const STARTS: [Start; 6] = [
    Start { name: "nothing there", put: |_| {} },
    Start { name: "a file there", put: |x| fs::write(x, OLD).unwrap() },
    Start { name: "an empty folder there", put: |x| fs::create_dir(x).unwrap() },
    Start {
        name: "a folder there",
        put: |x| {
            fs::create_dir_all(x.join("sub")).unwrap();
            fs::write(x.join("f"), OLD).unwrap();
            fs::write(x.join("sub/g"), b"deep").unwrap();
        },
    },
    Start { name: "a link to a file there", put: |x| symlink("t", x).unwrap() },
    Start { name: "a link to nothing there", put: |x| symlink("missing", x).unwrap() },
];

impl Start {
    /// Makes the folder that two are to work in.
    pub(super) fn make(&self, folder: &Path) {
        fs::create_dir_all(folder.join("zf")).unwrap();
        for (name, content) in
            [("z", "the file z"), ("zf/f", "in the folder z"), ("t", "the target"), ("w", "directly")]
        {
            fs::write(folder.join(name), content).unwrap();
        }
        (self.put)(&folder.join("x"));
    }
}
