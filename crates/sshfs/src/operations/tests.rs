use super::*;

#[test]
fn only_paths_below_the_root_are_taken() {
    for (path, below) in [
        (&b"/"[..], &b""[..]),
        (b".", b""),
        (b"", b""),
        (b"/a/b", b"a/b"),
        (b"/\xff", b"\xff"),
    ] {
        assert_eq!(
            relative(path).map(|path| path.as_bytes().to_vec()),
            Ok(below.to_vec())
        );
    }
    for path in [
        &b"a"[..],
        b"..",
        b"/..",
        b"/a/../b",
        b"//etc",
        b"/a/",
        b"/./a",
        b"/a\0b",
        b"../../.ssh/id_ed25519",
    ] {
        assert_eq!(relative(path), Err(Status::PermissionDenied), "{path:?}");
    }
    let long = [b"/".as_slice(), &[b'n'; 256]].concat();
    assert_eq!(relative(&long), Err(Status::BadMessage));
}
