export const headers: { key: string; value: string }[] = [{ key: 'x-fixture', value: 'next-ts-plain' }]
