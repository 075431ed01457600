export default function About() {
  return <p>second page of next-export</p>
}
