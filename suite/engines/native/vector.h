// The functions of the equations, written so that a compiler turns a loop over them into vector instructions: no branch,
// no table, no call. One reduction serves exp, tanh and the logistic; what is not a number stays so.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

template <class T> struct Bits;
template <> struct Bits<float> {
  using type = int32_t;
  static constexpr int mantissa = 23, bias = 127, terms = 7, logarithms = 5;
  static constexpr float magic = 12582912.0f, low = -87.0f, high = 88.0f, split_high = 0.693145751953125f, split_low = 1.428606765330187045e-06f, flat = 9.02f;
};
template <> struct Bits<double> {
  using type = int64_t;
  static constexpr int mantissa = 52, bias = 1023, terms = 13, logarithms = 11;
  static constexpr double magic = 6755399441055744.0, low = -708.0, high = 709.0, split_high = 0.693147180369123816490, split_low = 1.90821492927058770002e-10, flat = 19.1;
};

template <class T> inline typename Bits<T>::type bits(T x) { return __builtin_bit_cast(typename Bits<T>::type, x); }
template <class T> inline T value(typename Bits<T>::type x) { return __builtin_bit_cast(T, x); }

// exp(x) = scale + scale * rest, rest = exp(r) - 1 with |r| <= log(2) / 2: 1 / k! to the order that the type can see
template <class T> struct Parts { T scale, rest; };
template <class T> inline Parts<T> parted(T x) {
  using B = Bits<T>;
  using I = typename B::type;
  const T shifted = x * T(1.44269504088896340736) + B::magic;  // the nearest whole number stands in the lowest bits
  const T n = shifted - B::magic;
  const T r = (x - n * B::split_high) - n * B::split_low;
  constexpr double inverse[] = {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  T sum = T(inverse[B::terms]);
#pragma GCC unroll 16
  for (int k = B::terms - 1; k > 1; --k) sum = sum * r + T(inverse[k]);
  return {value<T>(I(uint64_t(bits(shifted)) + uint64_t(B::bias)) << B::mantissa), r * r * sum + r};
}

template <class T> inline T within(T x, T low, T high) {
  const T raised = x < low ? low : x;
  return raised > high ? high : raised;
}

template <class T> inline T exponential(T x) {
  const T half = within(x, 2 * Bits<T>::low, 2 * Bits<T>::high) * T(0.5);  // squared at the end: 0 and infinity are reached
  const auto p = parted(half);
  const T root = p.scale * p.rest + p.scale;
  return root * root;
}

template <class T> inline T exponential_minus_1(T x) {
  const auto p = parted(within(x, Bits<T>::low, Bits<T>::high));
  const T found = p.scale * p.rest + (p.scale - T(1));
  return x > T(60) ? exponential(x) : found;  // the 1 is lost there
}

template <class T> inline T sigmoid(T x) {
  const auto p = parted(within(-x, Bits<T>::low, Bits<T>::high));
  const T s = T(1) / (p.scale * p.rest + (p.scale + T(1)));
  return x < Bits<T>::low ? T(0) : s;
}

template <class T> inline T hyperbolic_tangent(T x) {
  const auto p = parted(T(2) * within(x, -Bits<T>::flat, Bits<T>::flat));
  const T e = p.scale * p.rest + (p.scale - T(1));
  return e / (e + T(2));
}

template <class T> inline T absolute(T x) { return x < T(0) ? -x : x; }

// log(x), x > 0: x = 2^n m, m around 1, log m = 2 artanh((m - 1) / (m + 1)); 0 and infinity as they should be
template <class T> inline T logarithm(T x) {
  using B = Bits<T>;
  using I = typename B::type;
  const bool small = x < std::numeric_limits<T>::min();  // without an exponent of its own
  const T y = small ? x * T(uint64_t(1) << B::mantissa) : x;
  const I n = (bits(y) - bits(T(0.70710678118654752440))) >> B::mantissa;  // arithmetic: rounds down
  const T m = value<T>(bits(y) - I(uint64_t(n) << B::mantissa));
  const T k = T(n) - (small ? T(B::mantissa) : T(0));
  const T s = (m - T(1)) / (m + T(1)), q = s * s;
  T sum = T(1) / T(2 * B::logarithms + 1);
#pragma GCC unroll 16
  for (int j = B::logarithms - 1; j > 0; --j) sum = sum * q + T(1) / T(2 * j + 1);
  const T found = T(2) * s + T(2) * s * q * sum + k * B::split_low + k * B::split_high;
  const T end = x == T(0) ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::quiet_NaN();
  return x > T(0) ? x > std::numeric_limits<T>::max() ? x : found : end;
}

template <class T> inline T logarithm_1_plus(T x) {
  const T w = T(1) + x, lost = x - (w - T(1));
  const T found = logarithm(w) + lost / w;
  return w == std::numeric_limits<T>::infinity() || w == T(0) ? logarithm(w) : found;
}

template <class T> inline T log_sigmoid(T x) {
  const T smaller = x > T(0) ? T(0) : x;
  return smaller - logarithm_1_plus(exponential(-absolute(x)));
}
