//! A file of a packed Helm chart: a gzipped tar archive, with all of the chart under one folder of its name.
//!
//! It was made by a stranger, so it is read as a stream up to stated bounds, and nothing of it is written anywhere.

use std::io::{self, Read};
use std::path::Component;

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

/// What is unpacked of one archive to find a file.
const MAX_UNPACKED_BYTES: u64 = 64 * 1024 * 1024;
const MAX_ENTRIES: usize = 10_000;
/// Values and readmes are texts for people.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The file of that name, in any case, in the chart's own folder; not in those of the charts it brings along.
///
/// # Errors
/// What is wrong with the archive.
pub(super) fn file(packed: &[u8], name: &str) -> Result<Option<Vec<u8>>, String> {
    let unpacked = Bounded {
        inner: MultiGzDecoder::new(packed),
        left: MAX_UNPACKED_BYTES,
    };
    find(Archive::new(unpacked), name)
        .map_err(|error| format!("the chart cannot be unpacked: {error}"))
}

fn find<R: Read>(mut archive: Archive<R>, name: &str) -> io::Result<Option<Vec<u8>>> {
    // Raw: an entry that gives the next one a long name would be read whole into memory, and no chart's own files have one.
    for (count, entry) in archive.entries()?.raw(true).enumerate() {
        if count >= MAX_ENTRIES {
            return Err(io::Error::other(format!(
                "it has more than {MAX_ENTRIES} entries"
            )));
        }
        let entry = entry?;
        if entry.header().entry_type() != EntryType::Regular || !is_own(&entry.path()?, name) {
            continue;
        }
        if entry.size() > MAX_FILE_BYTES {
            return Err(io::Error::other(format!(
                "its {name} is larger than {MAX_FILE_BYTES} bytes"
            )));
        }
        let mut bytes = Vec::new();
        entry.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        return Ok(Some(bytes));
    }
    Ok(None)
}

/// `<chart>/<name>`, perhaps with `./` before.
fn is_own(path: &std::path::Path, name: &str) -> bool {
    let parts = path
        .components()
        .filter(|part| !matches!(part, Component::CurDir));
    let parts: Vec<Component<'_>> = parts.collect();
    let [Component::Normal(_), Component::Normal(file)] = parts.as_slice() else {
        return false;
    };
    file.to_str()
        .is_some_and(|file| file.eq_ignore_ascii_case(name))
}

/// A reader that fails where one that is too long would go on.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!(
                "it is larger than {MAX_UNPACKED_BYTES} bytes when unpacked"
            ))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, *bytes).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn a_charts_own_file_is_found_in_any_case() {
        let chart = packed(&[
            ("nginx/charts/common/values.yaml", b"not this"),
            ("nginx/values.yaml", b"replicas: 1"),
            ("nginx/readme.MD", b"# nginx"),
            ("values.yaml", b"nor this"),
        ]);
        let text = |name| String::from_utf8(file(&chart, name).unwrap().unwrap()).unwrap();
        assert_eq!(
            (text("values.yaml"), text("README.md")),
            ("replicas: 1".to_owned(), "# nginx".to_owned())
        );
        assert_eq!(file(&chart, "Chart.yaml"), Ok(None));
    }

    #[test]
    fn what_is_no_chart_is_told() {
        let chart = packed(&[("nginx/values.yaml", &[b'x'; 4096])]);
        for broken in [&b"plain text"[..], &chart[..chart.len() / 2], &[]] {
            let told = file(broken, "values.yaml").unwrap_err();
            assert!(told.contains("cannot be unpacked"), "{told}");
        }
    }

    #[test]
    fn a_bomb_ends_at_its_bound() {
        let large = vec![0; MAX_FILE_BYTES as usize + 1];
        let told = file(&packed(&[("a/values.yaml", &large)]), "values.yaml").unwrap_err();
        assert!(told.contains("larger than 1048576 bytes"), "{told}");

        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        let mut header = tar::Header::new_ustar();
        header.set_path("a/filler").unwrap();
        header.set_size(2 * MAX_UNPACKED_BYTES);
        header.set_cksum();
        bomb.write_all(header.as_bytes()).unwrap();
        let block = vec![0; 1024 * 1024];
        for _ in 0..MAX_UNPACKED_BYTES / block.len() as u64 + 1 {
            bomb.write_all(&block).unwrap();
        }
        let told = file(&bomb.finish().unwrap(), "values.yaml").unwrap_err();
        assert!(told.contains("when unpacked"), "{told}");

        let entries: Vec<String> = (0..=MAX_ENTRIES).map(|n| format!("a/{n}")).collect();
        let entries: Vec<(&str, &[u8])> = entries
            .iter()
            .map(|path| (path.as_str(), &[][..]))
            .collect();
        let told = file(&packed(&entries), "values.yaml").unwrap_err();
        assert!(told.contains("entries"), "{told}");
    }

    #[test]
    fn links_and_paths_upwards_are_no_files_of_the_chart() {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut link = tar::Header::new_ustar();
        link.set_entry_type(EntryType::Symlink);
        link.set_size(0);
        archive
            .append_link(&mut link, "a/values.yaml", "/etc/passwd")
            .unwrap();
        let chart = archive.into_inner().unwrap().finish().unwrap();
        assert_eq!(file(&chart, "values.yaml"), Ok(None));
        assert!(!is_own(
            std::path::Path::new("../values.yaml"),
            "values.yaml"
        ));
        assert!(!is_own(
            std::path::Path::new("/a/values.yaml"),
            "values.yaml"
        ));
        assert!(is_own(
            std::path::Path::new("./a/values.yaml"),
            "values.yaml"
        ));
    }
}
