/**
 * One Secret as upstream would keep it, made with implementations that share nothing with this one: Python's cryptography (OpenSSL by another road)
 * for AES, PyNaCl (libsodium) for secretbox.
 */
export const VECTOR_KEY = '/registry/secrets/default/a';
export const VECTOR_VALUE =
  '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"default"},"data":{"p":"aHVudGVyMg=="}}';
/** Each under the name key1. AES-CBC: IV 100…115; AES-GCM: nonce 50…61; secretbox: nonce 0…23. */
export const VECTORS = [
  {
    provider: 'aescbc',
    secret: 'AAECAwQFBgcICQoLDA0ODw==',
    firstByte: 100,
    data: 'azhzOmVuYzphZXNjYmM6djE6a2V5MTpkZWZnaGlqa2xtbm9wcXJzBiMPNNAQZiiMlh6QGhteOZBCUUQaERZhjgeK9bcLKyHgCtLRexsF9udoefNjgL7Ij8aYDetl6v0Gk9fYYreAdEocCdMwCHjMdyCqZqThFh8pySzYmSump3wdpFI+Xa9dWC5FUYCQhF4Ni/+xEadYPw==',
  },
  {
    provider: 'aesgcm',
    secret: 'AAECAwQFBgcICQoLDA0ODw==',
    firstByte: 50,
    data: 'azhzOmVuYzphZXNnY206djE6a2V5MToyMzQ1Njc4OTo7PD3KHG661aQnGFpl/mTqPT4O8SGSMR+AvJriPvr98fpEkO6aY1QpSD33pH6Ou8rIxw9Te8TU0DIVFS/mNaepUbFc/3/Y/oYShoibXbui6Vhg3Kx1mA9LghHQdYtck/YfAd2qYep04S6nEfUUNwr1BL2F6XPRSZhddc4g6WQKTA==',
  },
  {
    provider: 'aescbc',
    secret: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYX',
    firstByte: 100,
    data: 'azhzOmVuYzphZXNjYmM6djE6a2V5MTpkZWZnaGlqa2xtbm9wcXJzRh2ktEZJTIRMdy7HlwLeMIezqqJj8bSx6WQkhpEZu7J1qj3/NET//ZmtCXMy/JPjzGUaxc85c7mTsHnv6lsn+tdJzikeVTS6s6wiptz1L+ejB5+P0eQJzQb3Eu2W6rxurtJP/klzOJALToFDbRshnw==',
  },
  {
    provider: 'aesgcm',
    secret: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYX',
    firstByte: 50,
    data: 'azhzOmVuYzphZXNnY206djE6a2V5MToyMzQ1Njc4OTo7PD0dK4ZctbUI6aDwBMrwtfzfzq9v3YA98arDAE5KlSfhMcuwRZ9svwknrkj7Yiox3DgbYgESu+1usBZfsiWcRN7aRwzFtLtowEVYFK0+U6G4rWMyM7n1OM30X4x+XPvIqA6ePqSI5CywDnoS5rh7p4mFXGFoREbiXjDrT7rr3g==',
  },
  {
    provider: 'aescbc',
    secret: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
    firstByte: 100,
    data: 'azhzOmVuYzphZXNjYmM6djE6a2V5MTpkZWZnaGlqa2xtbm9wcXJz1lZJ9DcfbcomT+xWM7NGNzxuxwzeFy9Ajx9Q3sLsAfIdowyKFeRqtpD0qnPp9qyGLcC85RHZGJBN4e/YDtwcUa4RjIvwzOJZLpSlxHx1VKqd7OqDKQiTv9+UZmIVgKKhAtzJm9tsZE7ah9NFmQChrg==',
  },
  {
    provider: 'aesgcm',
    secret: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
    firstByte: 50,
    data: 'azhzOmVuYzphZXNnY206djE6a2V5MToyMzQ1Njc4OTo7PD29eY6wrGrkkR5uheh5192OV5E3o+IkyY/zICnL0lDpF1ci5ml6hnPP9W0OvoZcmM+RlYqI8PZyVLh3kzwuSetSutW5mwRR3ke8NC5A+GDv4bB1A/RE+V4TbFJjWrgMHgRXY9rdKsnaPPTEdgENo0XwAwSgUx78bKuoolaJjw==',
  },
  {
    provider: 'secretbox',
    secret: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
    firstByte: 0,
    data: 'azhzOmVuYzpzZWNyZXRib3g6djE6a2V5MToAAQIDBAUGBwgJCgsMDQ4PEBESExQVFheX9lqenereUw72V68m2HRBJd1ZP66cx2LIVeBQSrVo4WOHav3nTFGLNZhFxzCk04T3+dn3KNWBY93slPhYXNBhTSAF+tGt/i6eMwXTewzyhqzhnHwnLOuJcZTgpKYHqv/a8baa5n8MwuIa7igYGYbm1y9gwQn7Hw8SV/My5Q==',
  },
] as const;
