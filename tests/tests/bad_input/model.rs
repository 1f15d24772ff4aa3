//! An ONNX file by hand, field by field as in `onnx/onnx.proto`.

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [&varint(field << 3 | 2), &varint(value.len() as u64), value].concat()
}

/// A float tensor of a picture's shape.
fn picture(name: &str) -> Vec<u8> {
    let dimensions: Vec<u8> = [1, 3, 32, 32]
        .iter()
        .flat_map(|size| bytes(1, &number(1, *size)))
        .collect();
    let tensor = [number(1, 1), bytes(2, &dimensions)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

/// A network that gives its input back: no detector.
pub fn identity() -> Vec<u8> {
    let node = [
        bytes(1, b"images"),
        bytes(2, b"same"),
        bytes(4, b"Identity"),
    ]
    .concat();
    let graph = [
        bytes(1, &node),
        bytes(2, b"identity"),
        bytes(11, &picture("images")),
        bytes(12, &picture("same")),
    ]
    .concat();
    [number(1, 8), bytes(7, &graph), bytes(8, &number(2, 13))].concat()
}
