import { Controller, Get } from '@nestjs/common'

@Controller()
export class AppController {
  @Get()
  home(): string {
    return `fixture nestjs on port ${process.env.PORT}`
  }
}
