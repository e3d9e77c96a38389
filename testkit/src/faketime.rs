//! What `faketime` leaves behind.

/// The beginnings of the names that it gives to shared memory. Its process number follows.
const NAMES: [&str; 2] = ["sem.faketime_sem_", "faketime_shm_"];

/// Removes what processes of `faketime` left in shared memory when they were killed: one that gets the same number later ends with an error.
pub(crate) fn remove_leftovers() {
    for entry in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| NAMES.iter().find_map(|start| name.strip_prefix(start)));
        if number.is_some_and(|number| !std::path::Path::new("/proc").join(number).exists()) {
            // Another test may have removed it.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
