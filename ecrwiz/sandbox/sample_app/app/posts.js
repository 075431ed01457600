export const posts = [
  {
    date: '2026-03-02',
    title: 'One image, every environment',
    text: 'The image that passed the tests is the image that runs. Only its settings differ.',
  },
  {
    date: '2026-02-16',
    title: 'Why the digest matters',
    text: 'A tag can move. A digest names exactly one set of bytes, so it is what we deploy.',
  },
  {
    date: '2026-02-01',
    title: 'A registry of our own',
    text: 'Pulls stay inside our account, old images expire, and every push is scanned.',
  },
]
