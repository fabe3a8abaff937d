// Loops over SIMD vectors with one replicate in each lane.

#include <ATen/cpu/vec/vec.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

using Vec = at::vec::Vectorized<T>;
constexpr int LANES = Vec::size();
typedef T Raw __attribute__((vector_size(sizeof(Vec)), may_alias));

inline T* lanes(Vec* v) { return reinterpret_cast<T*>(v); }
inline const T* lanes(const Vec* v) { return reinterpret_cast<const T*>(v); }
inline Vec chosen(Vec mask, Vec yes, Vec no) { return Vec::blendv(no, yes, mask); }
inline Vec truth(bool b) { return Vec(T(0)) == Vec(b ? T(0) : T(1)); }

// One tile of a product, kept in registers while it is summed.
template <int M, int N, int K, int A0, int A1, int B0, int B1, int C0, int C1>
inline __attribute__((always_inline)) void tile(const Raw* a, const Raw* b, Raw* c) {
  Raw sum[M][N] = {};
  for (int k = 0; k < K; ++k) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) sum[i][j] += a[i * A0 + k * A1] * b[k * B0 + j * B1];
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) c[i * C0 + j * C1] = sum[i][j];
}

// c = a b, a of M x K and b of K x N, each with its strides.
template <int M, int N, int K, int A0, int A1, int B0, int B1, int C0, int C1>
__attribute__((noinline)) void product(const Vec* left, const Vec* right, Vec* out) {
  const Raw *a = (const Raw*)left, *b = (const Raw*)right;
  Raw* c = (Raw*)out;
  constexpr int TM = N == 1 ? (M < 8 ? M : 8) : (M < 4 ? M : 4), TN = N < 4 ? N : 4;
  constexpr int RM = M % TM, RN = N % TN;
  for (int i = 0; i + TM <= M; i += TM) {
    for (int j = 0; j + TN <= N; j += TN)
      tile<TM, TN, K, A0, A1, B0, B1, C0, C1>(a + i * A0, b + j * B1, c + i * C0 + j * C1);
    if constexpr (RN > 0)
      tile<TM, RN, K, A0, A1, B0, B1, C0, C1>(a + i * A0, b + (N - RN) * B1, c + i * C0 + (N - RN) * C1);
  }
  if constexpr (RM > 0) {
    constexpr int i = M - RM;
    for (int j = 0; j + TN <= N; j += TN)
      tile<RM, TN, K, A0, A1, B0, B1, C0, C1>(a + i * A0, b + j * B1, c + i * C0 + j * C1);
    if constexpr (RN > 0)
      tile<RM, RN, K, A0, A1, B0, B1, C0, C1>(a + i * A0, b + (N - RN) * B1, c + i * C0 + (N - RN) * C1);
  }
}

// Gather and scatter, each lane by an index of its own. An index out of range gives NaN, so that the replicate is seen
// to fail.
inline bool within(T which, int length) { return which >= T(0) && which < T(length); }

inline Vec picked(const Vec* from, int stride, int length, Vec which) {
  Vec found(std::numeric_limits<T>::quiet_NaN());
  for (int l = 0; l < LANES; ++l) {
    const T w = lanes(&which)[l];
    if (within(w, length)) lanes(&found)[l] = lanes(from + int(w) * stride)[l];
  }
  return found;
}

inline void put(Vec* to, int stride, int length, Vec which, T value) {
  for (int l = 0; l < LANES; ++l) {
    const T w = lanes(&which)[l];
    if (within(w, length)) lanes(to + int(w) * stride)[l] = value;
    else lanes(to)[l] = std::numeric_limits<T>::quiet_NaN();
  }
}

// A sample, prepared in the type of A: filled, shifted and scaled, so many numbers one after the other alike, and
// all over again after so many ways.
template <typename S, typename A, bool MISSING, int WIDTH, int ALIKE, int COUNT>
inline void prepared(const S* x, const A* fill, const A* shift, const A* scale, T* to) {
  for (int f = 0; f < WIDTH; ++f) {
    A v = A(x[f]);
    if constexpr (MISSING) v = v != v ? fill[f / ALIKE % COUNT] : v;
    to[f] = T((v - shift[f / ALIKE % COUNT]) * scale[f / ALIKE % COUNT]);
  }
}

template <typename S, int WIDTH>
inline void plain(const S* x, T* to) {
  for (int f = 0; f < WIDTH; ++f) to[f] = T(x[f]);
}

// From one lane after the other to one number after the other.
template <int WIDTH>
inline void across(const T* from, Vec* to) {
  for (int f = 0; f < WIDTH; f += LANES) {
    const int n = WIDTH - f < LANES ? WIDTH - f : LANES;
    at::vec::transpose_mxn<T>(from + f, WIDTH, lanes(to + f), LANES, LANES, n);
  }
}

// A tensor (replicate, count) into vectors and back; lanes beyond the last replicate repeat it and are not stored.
template <typename S>
inline void load(const S* from, const int64_t* replicate, int count, Vec* to) {
  for (int l = 0; l < LANES; ++l) {
    const S* own = from + replicate[l] * count;
    for (int i = 0; i < count; ++i) lanes(to + i)[l] = T(own[i]);
  }
}

template <typename S>
inline void store(const Vec* from, int64_t first, int valid, int count, S* to) {
  for (int l = 0; l < valid; ++l) {
    S* own = to + (first + l) * count;
    for (int i = 0; i < count; ++i) own[i] = S(lanes(from + i)[l]);
  }
}

}  // namespace
