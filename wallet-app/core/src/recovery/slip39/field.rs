//! GF(256) with AES's polynomial x⁸ + x⁴ + x³ + x + 1, and interpolation over it. No tables and no branches on secrets.

use zeroize::Zeroizing;

use super::Point;

/// The product of two elements.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        // 0xff where the lowest bit of b is set, else 0.
        product ^= a & (b & 1).wrapping_neg();
        let overflow = (a >> 7).wrapping_neg();
        a = (a << 1) ^ (overflow & 0x1b);
        b >>= 1;
    }
    product
}

/// The inverse of an element, as its 254th power; of 0 it is 0.
fn invert(a: u8) -> u8 {
    // 254 = 2 + 4 + … + 128
    let mut power = a;
    let mut product = 1;
    for _ in 0..7 {
        power = multiply(power, power);
        product = multiply(product, power);
    }
    product
}

/// The value at `x` of the polynomials through these points (Lagrange). Their x differ from one another.
pub(super) fn interpolate(points: &[Point], x: u8) -> Zeroizing<Vec<u8>> {
    let length = points.first().map_or(0, |(_, value)| value.len());
    let mut result = Zeroizing::new(vec![0; length]);
    for (index, (xi, value)) in points.iter().enumerate() {
        let others = points.iter().enumerate().filter(|(other, _)| *other != index);
        // Subtraction is exclusive or. The x are no secrets.
        let basis = others.fold(1, |basis, (_, (xj, _))| multiply(basis, multiply(x ^ xj, invert(xi ^ xj))));
        result.iter_mut().zip(value.iter()).for_each(|(to, y)| *to ^= multiply(*y, basis));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197 section 4.2: {57} • {83} = {c1}, {57} • {13} = {fe}.
    #[test]
    fn products_are_those_of_aes() {
        assert_eq!((multiply(0x57, 0x83), multiply(0x57, 0x13)), (0xc1, 0xfe));
        assert!((1..=255).all(|a| multiply(a, invert(a)) == 1));
        assert_eq!(invert(0), 0);
    }

    #[test]
    fn a_polynomial_goes_through_its_points() {
        let points: Vec<Point> = [(3, 7), (9, 200), (250, 1)].map(|(x, y)| (x, Zeroizing::new(vec![y, y ^ 1]))).to_vec();
        for (x, value) in &points {
            assert_eq!(interpolate(&points, *x), *value);
        }
    }
}
