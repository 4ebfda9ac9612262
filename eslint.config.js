import {defineConfig} from 'eslint/config'
import tseslint from 'typescript-eslint'

const hostOnly = 'Only src/host touches the machine; everything else goes through a Host.'
const loadsIcu = 'The first use loads ICU, which takes milliseconds.'
const hostModules = ['child_process', 'fs', 'fs/promises', 'os', 'net', 'dgram', 'worker_threads']
const restrictedModules = hostModules
  .flatMap((name) => [name, `node:${name}`])
  .map((name) => ({name, message: hostOnly, allowTypeImports: true}))
const restrictedSyntax = [
  {selector: 'MemberExpression[property.name="url"] > MetaProperty', message: 'Empty in the bundle; use host.packageRoot.'},
  {
    selector: `CallExpression[callee.property.name="getBuiltinModule"][arguments.0.value=/^(node:)?(${hostModules.join('|').replace('/', '.')})$/]`,
    message: hostOnly,
  },
]

export default defineConfig(
  {ignores: ['dist/', 'coverage/', 'node_modules/']},
  {
    files: ['src/**/*.ts', 'test/**/*.ts', '*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {parserOptions: {projectService: true, tsconfigRootDir: import.meta.dirname}},
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', {fixStyle: 'inline-type-imports', disallowTypeAnnotations: false}],
      '@typescript-eslint/restrict-template-expressions': ['error', {allowNumber: true}],
      // A method that has nothing to wait for yet still keeps the promise of its interface.
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/host/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: restrictedModules,
          patterns: [
            {
              group: ['**/host/stdio.js'],
              importNames: ['writeText'],
              message: 'What others wrote must not steer a terminal: write through src/ui/failure.ts.',
            },
          ],
        },
      ],
      'no-restricted-properties': [
        'error',
        ...['env', 'kill', 'getuid', 'geteuid', 'chdir', 'umask'].map((property) => ({object: 'process', property, message: hostOnly})),
        ...['localeCompare', 'toLocaleString'].map((property) => ({property, message: loadsIcu})),
      ],
      'no-restricted-globals': ['error', {name: 'Intl', message: loadsIcu}],
      'no-restricted-syntax': ['error', ...restrictedSyntax, {selector: 'ExportDefaultDeclaration', message: 'Only commands have one.'}],
      'no-console': 'error',
    },
  },
  {
    // The door for text itself, and what a shell reads.
    files: ['src/ui/**/*.ts', 'src/complete-entry.ts'],
    rules: {'no-restricted-imports': ['error', {paths: restrictedModules}]},
  },
  {
    // oclif takes a command's class from the default export.
    files: ['src/commands/**/*.ts'],
    rules: {'no-restricted-syntax': ['error', ...restrictedSyntax]},
  },
  {
    files: ['test/**/*.ts'],
    // The matchers of vitest are of type any.
    rules: {'@typescript-eslint/no-unsafe-assignment': 'off'},
  },
  {
    files: ['bin/**/*.{mjs,cjs}', '*.js'],
    extends: [tseslint.configs.recommended],
    languageOptions: {globals: {process: 'readonly', require: 'readonly', module: 'writable', __dirname: 'readonly', Buffer: 'readonly'}},
    rules: {'@typescript-eslint/no-require-imports': 'off', 'no-undef': 'error', eqeqeq: 'error'},
  },
)
