//! The page about cases in another repository shows the files of the example, whole and as they are.

use std::path::Path;

#[test]
fn the_page_shows_the_example_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let page = read("docs/cases-in-your-own-repository.md");
    for (file, language) in
        [("Cargo.toml", "toml"), ("src/lib.rs", "rust"), ("tests/boot.rs", "rust"), ("known-issues.toml", "toml")]
    {
        let shown = format!("`{file}`\n\n```{language}\n{}```\n", read(&format!("examples/own-cases/{file}")));
        assert!(page.contains(&shown), "the page does not show examples/own-cases/{file} as it is");
    }
}

#[test]
fn the_example_is_sixty_lines_of_rust_or_fewer() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/own-cases");
    let lines = |file: &str| std::fs::read_to_string(example.join(file)).unwrap().lines().count();
    assert!(lines("src/lib.rs") + lines("tests/boot.rs") <= 60);
}
