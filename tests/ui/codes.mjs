// QR codes of the fixtures' links, as an encoder made them: rows of squares in hexadecimal, dark ones set, filled up on the right.

export const guardian = [
  "fe036a0f957e20fabf8", "82435684220ce43a208", "bad86e16808f6dd42e8", "bad170e23c753ac32e8", "bad7e4ff4cff996dae8",
  "82c50f897bc8f4a6208", "feaaaaaaaaaaaaaabf8", "00cc198bc4b88fd2800", "be17f5ff7d4fb866be0", "2404d0cf9cea895bc80",
  "eb1f202cef1554be6d8", "154cca0bae7eeb93150", "7b4145b17c753ec6e60", "5043fcbe0c3230799b0", "429835592a11293e6f8",
  "40c8810bc1a92f90518", "e73a013f1c3f7a86b78", "248d2b13582ab0417e0", "6f9716de05b46cfaeb8", "616e52800d6a2fa3518",
  "7607f04fd0a55840928", "280d16cec1a2b26b110", "ff7d8855f6c545ae698", "dcd2db27a5f7c915650", "efbf44f95c5fbea6fe8",
  "68ee9b8e18e890fa8d0", "aade2fa86ecaf62faa8", "7899228a97d8cb56898", "6f8f08fb5c5ff008fe8", "8d4719879d6503fb110",
  "67b4d0e87e52772f4d8", "cd894000a5afcf90680", "5e883f655e7fbc2b878", "8cfdc367846fa0cb038", "4f9b0ac9f2c2e42edf8",
  "81bb2d5780c7819a798", "67822f1b2c78f642168", "bdc1e66b14e71a63ec0", "0a405258bb4afd2fe38", "051dd2d8e3b50f92218",
  "2b72b1c73f35b4cc178", "516b8c268c273b6afd0", "5ba879a972167dade18", "ddd96ab2828ccb98698", "cf88cdf8183fdec3fb8",
  "78c4638fcd3889f28e0", "bac83dad660acd2faa8", "188ef68f9a188bd9890", "7fa15dfe5c4fdae2fb8", "356f0906dce4015a940",
  "4731593d7a1f7c2ff38", "795dcbf427d00dd3700", "361fc5f17a0c1ee56e8", "0449397daf56b340060", "4ed46b22582f3de7118",
  "ec1622e91e5279f1f00", "e6aabc3c0d47dc8beb8", "5191a4775c77b160d10", "c2d9791c2b1ffc07e18", "2c917065e3f25f50658",
  "c7ef3e21581716ccaa0", "a93a08df856320fa928", "d68bac80d02d6c27ab8", "19ca79d2b0b20fb2858", "8b18b1fb3e0fbec3fb0",
  "00f8828f8cf8b04b8a0", "fe331ca8bb8af4a6ab8", "82a3428ae3e8a3d6898", "bab49dfd1c3fbe61ff8", "bac739ff9cf9a9d87c8",
  "bae355b8638edd1f128", "8200aa02c6ed0d92988", "feb776177a623a2c038",
];
export const device = [
  "fe0fa4cf01a3f8", "82229eb4f67208", "bafa7886ee12e8", "bac061677e2ae8", "baf6fefa9ce2e8",
  "82e39c8c126208", "feaaaaaaaaabf8", "00914f8eb11000", "be7600f91e6be0", "ddd0d6571d71e8",
  "1b4ead207e0f00", "01f030ca90e840", "f7ec08b44d19b8", "9de2de76996028", "1748b127839b30",
  "342b2081b3b8d0", "5e5abce47d5180", "380e638b5cf558", "4e497a452a83c0", "c459878784aed0",
  "929c337c1c0f80", "10de2cf795b418", "ea4198c6364a80", "5966348380d210", "1fe4c1ff5d6fe0",
  "08b4368bc478d8", "1ae138adab7ac0", "a8bfd68d90a8d8", "dfe619fe085fa0", "cdc8d5e600f3c8",
  "6f2be418fe0940", "18bdb30214afd0", "635b40515a0830", "3dcd80235cbce8", "ce5fbc4dbbc190",
  "ad0597d5fb8f98", "9670f4c6194c60", "5592fa6699e7c8", "7aca342c2ff430", "fc900180149b98",
  "ce29fc47492c70", "c09e59630d6d88", "dffc3cbdbd9890", "6160afc0d49e88", "13f7bcff086fa0",
  "00dc728b8cf8d8", "fe456aa97b8ab0", "8281278b14f8c0", "baeb3aff5f6fe0", "babf555fc52d48",
  "baa4bff03b5398", "82606d1ec32850", "fea658c37e3ba0",
];
export const welcome = [
  "fed7e33b3f8", "8240d883a08", "ba5f94462e8", "baa2e7b6ae8", "baebe73c2e8",
  "8280b683a08", "feaaaaaabf8", "00a8f42f000", "8be34f84fc8", "e14825525d0",
  "2b0b23d0448", "c553ce25c58", "82f05295510", "34201e267d0", "eabc6a3e848",
  "2cd146bdbd0", "6a7e534d458", "1de397fb2a8", "266e419ea68", "1960fab6a58",
  "ae793b6d410", "b4e305d8bf8", "eecde5f0a68", "b01ad5b6bd8", "eb9d7e85198",
  "29a501367b0", "567ecf1cec8", "ccdc7daea50", "2bb70f15548", "b452b4e45a8",
  "0e5c5394b88", "2da9ff3c798", "ff650ea8f90", "00f9f3178a8", "fed627fcaa8",
  "825814478c8", "bae910c1ff8", "ba4db37bd50", "ba296d3ec08", "82070da7bd8",
  "fefe048eb90",
];
