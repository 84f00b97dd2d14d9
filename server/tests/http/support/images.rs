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

/// A gray TIFF with two pages of that width, not packed: the first is 1024 rows high and black, the second has `second` rows and is
/// white. 7 stands for no data on both.
pub fn two_pages(width: u32, second: u32) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    let pages = [(1024, 0), (second, 255)];
    for (number, (height, value)) in pages.into_iter().enumerate() {
        let bytes = width * height;
        // The number of entries, the entries, and where the next page is.
        let pixels = file.len() as u32 + 2 + 10 * 12 + 4;
        // Tag, type (2: text, 3: 16 bits, 4: 32 bits), count, value.
        let entries: [(u16, u16, u32, u32); 10] = [
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, 1, pixels),
            (277, 3, 1, 1),
            (278, 4, 1, height),
            (279, 4, 1, bytes),
            (42113, 2, 2, u32::from(b'7')),
        ];
        file.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        let next = if number == 0 { pixels + bytes } else { 0 };
        file.extend(next.to_le_bytes());
        file.extend(std::iter::repeat_n(value, bytes as usize));
    }
    file
}
