//! Tables in Markdown that are tables in a terminal too.
//!
//! Pure: no I/O, clock, threads or logging.

/// Returns a table with columns as wide as their widest cell.
pub(crate) fn aligned(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([head[column].chars().count(), 3])
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let padded: Vec<_> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        format!("| {} |\n", padded.join(" | "))
    };
    let rules: Vec<_> = widths.iter().map(|&w| "-".repeat(w)).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let mut table = line(head) + &line(&rules);
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        table.push_str(&line(&cells));
    }
    table
}
