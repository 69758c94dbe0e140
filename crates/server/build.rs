//! Finds the built portal (`ui/dist`, made by `make build`) and writes down what of it to embed. Where there is none,
//! nothing is embedded, and the server says so at `/`: plain `cargo build` needs no Node.js.

use std::error::Error;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    let home = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo names no folder")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no folder to write to")?);
    let dist = home.join("../../ui/dist");
    // Copied first: the compiler reads them later, when another build of the portal may have replaced them.
    let kept = out.join("portal");
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    fs::create_dir_all(kept.join("assets"))?;
    let mut list = String::from("[\n");
    // Half a portal is none: its page is written last.
    if dist.join("index.html").is_file() {
        for file in files(&dist, Path::new(""))? {
            list.push_str(&entry(&dist, &kept, &file)?);
        }
    }
    list.push_str("]\n");
    fs::write(out.join("portal_files.rs"), list)?;
    // The folder is in the repository, empty: one that is missing would make cargo build again each time.
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", dist.display())?;
    Ok(())
}

/// The files below, without those that are only another file compressed.
fn files(dist: &Path, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dist.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            found.extend(files(dist, &path)?);
        } else if !entry.file_name().to_string_lossy().starts_with('.')
            && !path
                .extension()
                .is_some_and(|end| end == "br" || end == "gz")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn entry(dist: &Path, kept: &Path, file: &Path) -> Result<String, Box<dyn Error>> {
    let path = kept.join(file);
    fs::copy(dist.join(file), &path)?;
    let mut hash = DefaultHasher::new();
    fs::read(&path)?.hash(&mut hash);
    let mut entry = String::new();
    write!(
        entry,
        "    File {{ path: {:?}, tag: \"W/\\\"{:016x}\\\"\", plain: include_bytes!({path:?})",
        file.to_string_lossy(),
        hash.finish(),
    )?;
    for (field, end) in [("brotli", "br"), ("gzip", "gz")] {
        let compressed = PathBuf::from(format!("{}.{end}", file.display()));
        let copy = kept.join(&compressed);
        match dist.join(&compressed).is_file() {
            true => {
                fs::copy(dist.join(&compressed), &copy)?;
                write!(entry, ", {field}: Some(include_bytes!({copy:?}))")?;
            }
            false => write!(entry, ", {field}: None")?,
        }
    }
    entry.push_str(" },\n");
    Ok(entry)
}
