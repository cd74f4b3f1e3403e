//! What the fuzz targets share: they find their decoder by its name.

/// Decodes `data` with the decoder of that name.
pub fn run(name: &str, data: &[u8]) {
    let target = omg::fuzz::TARGETS.iter().find(|(known, _)| *known == name);
    target.expect("a target of omg").1(data);
}
