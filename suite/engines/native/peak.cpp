// What the arithmetic of this processor can do at most: multiply-adds alone, on values that stay in registers.
#include "team.h"
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int WIDE = 64, CHAINS = 16;
#elif defined(__AVX__)
constexpr int WIDE = 32, CHAINS = 12;
#else
constexpr int WIDE = 16, CHAINS = 12;
#endif

template <class T> static double chains(long rounds) {
  typedef T V __attribute__((vector_size(WIDE)));
  V sums[CHAINS], half = {}, one = {};
  for (unsigned long lane = 0; lane < WIDE / sizeof(T); ++lane) half[lane] = T(0.5), one[lane] = T(1);
  for (int k = 0; k < CHAINS; ++k) sums[k] = one * T(k);
  for (long r = 0; r < rounds; ++r)
#pragma GCC unroll 16
    for (int k = 0; k < CHAINS; ++k) sums[k] = sums[k] * half + one;
  for (int k = 1; k < CHAINS; ++k) sums[0] = sums[0] + sums[k];
  return double(sums[0][0]);
}

#if defined(__AVX512BF16__)
static double pairs(long rounds) {
  __m512 sums[CHAINS];
  const __m512bh small = (__m512bh)_mm512_set1_epi16(0x3000), one = (__m512bh)_mm512_set1_epi16(0x3f80);
  for (int k = 0; k < CHAINS; ++k) sums[k] = _mm512_set1_ps(float(k));
  for (long r = 0; r < rounds; ++r)
#pragma GCC unroll 16
    for (int k = 0; k < CHAINS; ++k) sums[k] = _mm512_dpbf16_ps(sums[k], small, one);
  for (int k = 1; k < CHAINS; ++k) sums[0] = _mm512_add_ps(sums[0], sums[k]);
  return double(_mm512_cvtss_f32(sums[0]));
}
#endif

// multiply-adds of one round and one thread, by the bytes of a number; of bfloat16 those with sums in float32
extern "C" long a_round(int bytes) {
#if defined(__AVX512BF16__)
  if (bytes == 2) return CHAINS * 32;
#endif
  return CHAINS * WIDE / (bytes == 8 ? 8 : 4);
}

extern "C" double multiply_adds(int bytes, long rounds, long members) {
  Team team(members);
  std::atomic<double> last{0};
  team.run([&](long) {
#if defined(__AVX512BF16__)
    if (bytes == 2) return last.store(pairs(rounds));
#endif
    last.store(bytes == 8 ? chains<double>(rounds) : chains<float>(rounds));
  });
  return last;
}
