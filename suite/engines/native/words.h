// Operands of bfloat16: words of two neighbours along the sum. Everything else, states and sums too, stays float.
#pragma once
#include <cstdint>
#include <cstring>
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "product.h"

using Word = uint32_t;

#if defined(HALF) && BYTES_OF_VECTOR == 64 && (defined(__AMX_BF16__) || defined(EMULATED))
constexpr long DEEP = 16;  // words that a tile is deep
#else
constexpr long DEEP = 1;
#endif

template <> struct Operand<float, Word> {
  typedef Word Whole __attribute__((vector_size(BYTES)));
  typedef Word Loose __attribute__((vector_size(BYTES), aligned(sizeof(Word)), may_alias));
  typedef typename Vector<float>::whole Sum;
  static Whole spread(Word a) { return Whole{} + a; }
  static void add(Sum& sum, Whole x, Whole w) {
#if defined(__AVX512BF16__)
    sum = (Sum)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)w);
#else
    sum += (Sum)(x << 16) * (Sum)(w << 16);
    sum += (Sum)(x & 0xffff0000u) * (Sum)(w & 0xffff0000u);
#endif
  }
};

// the nearest bfloat16, ties to even; what is not a number stays so
inline Word half(float x) {
  const Word bits = __builtin_bit_cast(Word, x);
  const Word rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
  return (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded;
}

// to[j] = from[j] and other[j], `other` null: zero
template <class W, class T> void pair_rows(W* at, const T* from, const T* other, long columns) {
  Word* const to = (Word*)at;
  long done = 0;
#if defined(__AVX512BF16__)
  const auto sixteen = [](const T* x) { return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps((const float*)x))); };
  for (; done + 16 <= columns; done += 16) {
    const __m512i low = sixteen(from + done), high = other ? _mm512_slli_epi32(sixteen(other + done), 16) : _mm512_setzero_si512();
    _mm512_storeu_si512(to + done, _mm512_or_si512(low, high));
  }
#endif
  if (other) {
#pragma omp simd
    for (long j = done; j < columns; ++j) to[j] = half(float(from[j])) | half(float(other[j])) << 16;
  } else {
#pragma omp simd
    for (long j = done; j < columns; ++j) to[j] = half(float(from[j]));
  }
}

// neighbours in one row; zero to the end of the last word and up to `deep` words
template <class W, class T> void pair_columns(W* to, const T* from, long width, long deep) {
  typedef uint16_t Half __attribute__((may_alias));
  Half* const halves = (Half*)to;
  long done = 0;
#if defined(__AVX512BF16__)
  for (; done + 16 <= width; done += 16) _mm256_storeu_si256((__m256i*)(halves + done), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps((const float*)from + done)));
#endif
#pragma omp simd
  for (long k = done; k < width; ++k) halves[k] = Half(half(float(from[k])));
  for (long k = width; k < 2 * deep; ++k) halves[k] = 0;
}

// numbers of bfloat16 as float, and back to the nearest, ties to even
inline void widen(float* to, const void* at, long count) {
  const uint16_t* const from = (const uint16_t*)at;
#pragma omp simd
  for (long k = 0; k < count; ++k) to[k] = __builtin_bit_cast(float, Word(from[k]) << 16);
}
inline void round_off(void* at, const float* from, long count) {
  uint16_t* const to = (uint16_t*)at;
#pragma omp simd
  for (long k = 0; k < count; ++k) to[k] = uint16_t(from[k] != from[k] ? 0x7fc0u : half(from[k]));
}
