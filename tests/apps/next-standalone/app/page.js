export const dynamic = 'force-dynamic'

export default function Home() {
  return <p>{`fixture next-standalone on port ${process.env.PORT}`}</p>
}
