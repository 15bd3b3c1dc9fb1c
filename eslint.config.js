import vue from 'eslint-plugin-vue';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// What the code means is checked here, how it looks is Prettier's business, who may import whom is tests/layers.test.ts.

/** Rules that need types. */
const typed = {
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false, attributes: false } }],
  '@typescript-eslint/await-thenable': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/only-throw-error': 'off',
  '@typescript-eslint/no-unsafe-argument': 'error',
  '@typescript-eslint/no-unsafe-assignment': 'error',
  '@typescript-eslint/no-unsafe-call': 'error',
  '@typescript-eslint/no-unsafe-member-access': 'error',
  '@typescript-eslint/no-unsafe-return': 'error',
  '@typescript-eslint/restrict-plus-operands': 'error',
  '@typescript-eslint/prefer-promise-reject-errors': 'error',
};

/** Rules that need none. */
const plain = {
  '@typescript-eslint/no-explicit-any': 'error',
  '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_', ignoreRestSiblings: true }],
  '@typescript-eslint/no-non-null-assertion': 'off',
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'no-eval': 'error',
  'no-implied-eval': 'error',
  'no-new-func': 'error',
  'no-var': 'error',
  'prefer-const': 'error',
  'no-console': 'off',
  'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true, namedFrom: true, namespaceFrom: true } }],
};

export default defineConfig(
  globalIgnores(['out/', 'node_modules/', 'training/', 'bench-results/', 'test-results/', 'resources/']),
  {
    files: ['src/**/*.ts', 'scripts/**/*.ts', 'tests/**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.node.json', './tsconfig.preload.json', './tsconfig.web.json'],
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.vue'],
      },
    },
    rules: { ...typed, ...plain },
  },
  {
    // What a parsed file or a fake holds is any-typed here and there. The compiler checks the tests; a forgotten await is
    // what it would not see.
    files: ['tests/**/*.ts'],
    rules: Object.fromEntries(['argument', 'assignment', 'call', 'member-access', 'return'].map((what) => [`@typescript-eslint/no-unsafe-${what}`, 'off'])),
  },
  {
    // Without the Vue compiler a component's type is unknown; vue-tsc checks it.
    files: ['src/renderer/main.ts'],
    rules: { '@typescript-eslint/no-unsafe-argument': 'off' },
  },
  {
    files: ['src/**/*.vue'],
    extends: [tseslint.configs.base, vue.configs['flat/strongly-recommended']],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: {
      ...plain,
      // Components are default exports; how a template is laid out is Prettier's business.
      'no-restricted-exports': 'off',
      'vue/multi-word-component-names': 'off',
      ...Object.fromEntries(
        [
          'attribute-hyphenation',
          'first-attribute-linebreak',
          'html-closing-bracket-newline',
          'html-closing-bracket-spacing',
          'html-indent',
          'html-quotes',
          'html-self-closing',
          'max-attributes-per-line',
          'multiline-html-element-content-newline',
          'mustache-interpolation-spacing',
          'no-multi-spaces',
          'no-spaces-around-equal-signs-in-attribute',
          'singleline-html-element-content-newline',
          'require-default-prop',
        ].map((rule) => [`vue/${rule}`, 'off']),
      ),
      'vue/no-v-html': 'error',
    },
  },
  {
    files: ['**/*.js', '*.config.ts'],
    extends: [tseslint.configs.base],
    rules: { eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error', 'no-undef': 'off' },
  },
);
