//! Files to upload, good and bad.

/// An RGB PNG with a pattern.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [(x / 3) as u8, (y / 2) as u8, (x ^ y) as u8]))
        .collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

/// The beginning of a PNG that says it has these sides, and nothing else.
pub fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut file = png(1, 1)[..33].to_vec();
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32fast::hash(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    file
}
