export default function Home() {
  return <p>fixture next-export</p>
}
