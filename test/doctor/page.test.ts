import {describe, expect, it} from 'vitest'
import {pageOf} from '../../src/doctor/page.js'

const withRepository = (repository?: string) => ({packageRoot: '/package', readText: () => JSON.stringify({repository})})

describe('the page of a finding', () => {
  it('is on the web once the project has a public place', () => {
    expect(pageOf(withRepository('github:acme/hermes-svc'), 'linger')).toBe(
      'https://github.com/acme/hermes-svc/blob/main/docs/doctor.md#linger',
    )
  })

  it.each(['github:OWNER/hermes-svc', undefined])('is the file that is packed with the program where it has none (%s)', (repository) => {
    expect(pageOf(withRepository(repository), 'linger')).toBe('/package/docs/doctor.md#linger')
  })
})
