//! QR codes in picture files, and links as text.

use image::{GenericImage, GrayImage, ImageFormat, Luma};
use qrcode::QrCode;
use wallet_core::{GuardianCard, LinkKind, Wallet};

use crate::city::City;

fn code(text: &str) -> GrayImage {
    let rendered = QrCode::new(text).unwrap().render::<Luma<u8>>().min_dimensions(400, 400).build();
    GrayImage::from_raw(rendered.width(), rendered.height(), rendered.into_raw()).unwrap()
}

fn save(city: &City, name: &str, picture: &GrayImage, format: ImageFormat) -> std::path::PathBuf {
    let path = city.dir.path().join(name);
    picture.save_with_format(&path, format).unwrap();
    path
}

fn beside(left: &GrayImage, right: &GrayImage) -> GrayImage {
    let mut both = GrayImage::from_pixel(left.width() + right.width(), left.height().max(right.height()), Luma([255]));
    both.copy_from(left, 0, 0).unwrap();
    both.copy_from(right, left.width(), 0).unwrap();
    both
}

/// X060: the login page's QR code as a screenshot or photo.
#[tokio::test]
async fn a_qr_code_in_a_png_or_jpeg_is_read() {
    let city = City::new().await;
    let link = city.site.ask(&["family_name"]);
    for (name, format) in [("code.png", ImageFormat::Png), ("code.jpg", ImageFormat::Jpeg)] {
        let path = save(&city, name, &code(&link), format);
        assert_eq!(Wallet::link_from_picture(&path).unwrap(), link);
    }
    assert_eq!(Wallet::read_link(&link).unwrap(), LinkKind::Request);
    assert_eq!(Wallet::read_link(&city.issuer.offer_link()).unwrap(), LinkKind::Offer);
}

/// X060: codes as a browser draws them on an ordinary screen, three or four blurred pixels for each square: these two are not read at
/// their own size. A screenful without a code is looked at in all sizes and answered soon.
#[test]
fn a_screenshot_of_an_ordinary_screen_is_read() {
    let login: &[u8] = include_bytes!("../vectors/login-code-1x.png");
    let link = Wallet::link_from_picture_bytes(login).unwrap();
    assert!(link.starts_with("openid4vp://?client_id=x509_hash%3AUvo3HtuI"), "{link}");
    let offer: &[u8] = include_bytes!("../vectors/offer-code-1x.png");
    let link = Wallet::link_from_picture_bytes(offer).unwrap();
    assert_eq!(Wallet::read_link(&link).unwrap(), LinkKind::Offer);

    let mut empty = Vec::new();
    GrayImage::from_fn(1920, 1080, |x, y| Luma([u8::try_from((x / 7 + y / 5) % 2 * 200).unwrap()]))
        .write_to(&mut std::io::Cursor::new(&mut empty), ImageFormat::Png)
        .unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(Wallet::link_from_picture_bytes(&empty).unwrap_err().slug(), "no-qr-code");
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}

/// What wallets show to one another: as text too, and what each is for. A card is no link that a screen opens.
#[tokio::test]
async fn what_wallets_show_to_one_another_is_told_apart() {
    let city = City::new().await;
    let (first, second) = (city.create_wallet(), city.create_wallet_in("second"));
    first.create_identity().await.unwrap();
    for (text, kind) in [
        (second.ask_to_join().unwrap().link, LinkKind::Device),
        (first.welcome_link().unwrap(), LinkKind::Welcome),
        (first.guardian_cards().unwrap().remove(0).view().link, LinkKind::Card),
    ] {
        let pasted = format!("From my phone:\n{text}\n(keep it)");
        assert_eq!(Wallet::link_from_text(&pasted).unwrap(), text);
        assert_eq!(Wallet::read_link(&text).unwrap(), kind);
    }
}

/// What wallets show to one another: a new device's link, the answer to it, a guardian's card.
#[tokio::test]
async fn cards_and_devices_links_are_read_from_pictures() {
    let city = City::new().await;
    let (first, second) = (city.create_wallet(), city.create_wallet_in("second"));
    first.create_identity().await.unwrap();
    let card = first.guardian_cards().unwrap().remove(1);
    for (name, text) in [
        ("link.png", second.ask_to_join().unwrap().link),
        ("welcome.png", first.welcome_link().unwrap()),
        ("card.png", card.view().link),
    ] {
        let path = save(&city, name, &code(&text), ImageFormat::Png);
        assert_eq!(Wallet::link_from_picture(&path).unwrap(), text, "{name}");
    }
    let path = city.dir.path().join("card.png");
    assert!(GuardianCard::parse(&Wallet::link_from_picture(&path).unwrap()).unwrap() == card);
}

#[tokio::test]
async fn pictures_that_cannot_be_used_are_refused_with_the_reason() {
    let city = City::new().await;
    let link = city.site.ask(&["family_name"]);
    let blank = save(&city, "blank.png", &GrayImage::from_pixel(300, 300, Luma([255])), ImageFormat::Png);
    let other = save(&city, "other.png", &code("https://example.com/menu"), ImageFormat::Png);
    let two = beside(&code(&link), &code(&city.issuer.offer_link()));
    let two = save(&city, "two.png", &two, ImageFormat::Png);
    let text = city.write_file("text.png", b"not a picture");
    let gif = city.write_file("code.gif", b"GIF89a\x01\0\x01\0\0\0\0;");
    let mut bomb = Vec::new();
    GrayImage::new(9000, 1).write_to(&mut std::io::Cursor::new(&mut bomb), ImageFormat::Png).unwrap();
    let wide = city.write_file("wide.png", &bomb);
    let large = city.write_file("large.png", &vec![0; 17 * 1024 * 1024]);
    let cases = [
        (blank, "no-qr-code"),
        (other, "no-qr-code"),
        (two, "several-qr-codes"),
        (text, "picture-refused"),
        (gif, "picture-refused"),
        (wide, "picture-refused"),
        (large, "picture-refused"),
        (city.dir.path().join("nothing.png"), "picture-unreadable"),
    ];
    for (path, slug) in cases {
        assert_eq!(Wallet::link_from_picture(&path).unwrap_err().slug(), slug, "{}", path.display());
    }
}

/// The same code twice in a picture is one link.
#[tokio::test]
async fn the_same_code_twice_is_one_link() {
    let city = City::new().await;
    let link = city.site.ask(&["family_name"]);
    let path = save(&city, "twice.png", &beside(&code(&link), &code(&link)), ImageFormat::Png);
    assert_eq!(Wallet::link_from_picture(&path).unwrap(), link);
}
