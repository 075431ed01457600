export const revalidate = 1

export default function Regenerated() {
  return <p>{`made at ${Date.now()}`}</p>
}
