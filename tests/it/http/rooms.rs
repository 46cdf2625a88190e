//! The rooms of `src/http`, and the doors between them.

use crate::source;

/// The names of the server that pages can use: none of them is a connection.
const DOOR: [&str; 4] = ["Edition", "Request", "Response", "Site"];

/// The names of the server that the web configuration can use.
const RULES: [&str; 2] = ["Security", "Users"];

#[test]
fn the_server_knows_no_page_and_pages_know_no_connection() {
    let mut faults = Vec::new();
    for one in source::program() {
        let Some(rest) = one.path.strip_prefix("src/http/") else { continue };
        let Some((room, _)) = rest.split_once('/') else { continue };
        for path in one.own_paths() {
            let mut names = path.split("::").skip_while(|&name| name == "http");
            let is_http = path.starts_with("http::");
            let (to, name) = (names.next(), names.next().unwrap_or_default());
            let is_fine = match (room, to) {
                ("pages", Some("server")) => DOOR.contains(&name),
                ("web_config", Some("server")) => RULES.contains(&name),
                (_, Some("server" | "web_config" | "pages")) => {
                    to == Some(room)
                }
                _ => true,
            };
            if is_http && !is_fine {
                faults.push(format!("{} names {path}", one.path));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
