// Steps of small networks as a list of instructions on SIMD vectors, with one replicate in each lane.
//
// `NUMBER`, the type of numbers, and `CASES`, the elementwise operations in the order of their numbers, are defined by
// paribus/engines/simd/library.py; the words of an instruction are written by paribus/engines/simd/program.py, in the
// order in which they are read here.

// Vectors of torch are as wide as the widest register that the compiler was told of.
#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__FMA__)
#define CPU_CAPABILITY AVX512
#define CPU_CAPABILITY_AVX512
#elif defined(__AVX2__) && defined(__FMA__)
#define CPU_CAPABILITY AVX2
#define CPU_CAPABILITY_AVX2
#else
#define CPU_CAPABILITY DEFAULT
#define CPU_CAPABILITY_DEFAULT
#endif

#include <ATen/cpu/vec/vec.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace {

using std::int64_t;

// Keeps a vector in a register: the compiler would rather read it again for each product, of which a core can do no
// more than one in a cycle. With sixteen registers there is no room for that.
template <class R>
inline __attribute__((always_inline)) void held(R& x) {
#if defined(__AVX512F__)
  __asm__("" : "+v"(x));
#endif
}
using Words = const int64_t*;

constexpr int MAX_DIMS = 8;
constexpr int64_t BLOCK = 32;  // vectors that an elementwise operation takes at once: its operands stay in the L1 cache

constexpr int64_t TERMS = 96;  // of a product by tables, whose first factor then stays in the L1 cache

enum Opcode : int64_t { MAP, PRODUCT, REDUCE, GATHER, SCATTER, CONVOLVE, POOL, UNPOOL };
enum Reduction : int64_t { SUM, PROD, MAX, MIN, VAR };

// Reads words one after the other.
struct Reader {
  Words at;
  int64_t next() { return *at++; }
  Words take(int64_t count) {
    Words first = at;
    at += count;
    return first;
  }
};

// All indices of a shape, the last dimension fastest; `each` is given the offsets of several operands.
template <int N, class F>
inline void nest(int64_t dims, Words shape, const Words (&strides)[N], F each) {
  int64_t index[MAX_DIMS] = {}, at[N] = {};
  for (;;) {
    each(at);
    int64_t d = dims - 1;
    for (; d >= 0; --d) {
      for (int o = 0; o < N; ++o) at[o] += strides[o][d];
      if (++index[d] < shape[d]) break;
      for (int o = 0; o < N; ++o) at[o] -= strides[o][d] * shape[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

template <class T>
struct Machine {
  using Vec = at::vec::Vectorized<T>;
  static constexpr int LANES = Vec::size();
  typedef T Raw __attribute__((vector_size(sizeof(Vec)), may_alias));

  Vec* memory;
  Vec* constants;
  std::vector<Vec> scratch;
  std::vector<Vec*> registers;
  std::vector<int64_t> steps;  // between a register's vectors, 0 or 1
  std::vector<int64_t> offsets;

  static T* lanes(Vec* v) { return reinterpret_cast<T*>(v); }
  static const T* lanes(const Vec* v) { return reinterpret_cast<const T*>(v); }
  static Vec chosen(Vec mask, Vec yes, Vec no) { return Vec::blendv(no, yes, mask); }
  static Vec truth(bool b) { return Vec(T(0)) == Vec(b ? T(0) : T(1)); }

  // Negative places are those of constants.
  Vec* at(int64_t place) { return place < 0 ? constants + (-1 - place) : memory + place; }

  template <class F>
  static inline void each(Vec* out, const Vec* a, int64_t sa, const Vec* b, int64_t sb, const Vec* c, int64_t sc,
                          int64_t n, F f) {
    for (int64_t i = 0; i < n; ++i, a += sa, b += sb, c += sc) out[i] = f(*a, *b, *c);
  }

  static void compute(int64_t code, Vec* out, const Vec* a, int64_t sa, const Vec* b, int64_t sb, const Vec* c,
                      int64_t sc, int64_t n) {
    switch (code) {
#define CASE(number, expression)                                                                         \
  case number:                                                                                           \
    each(out, a, sa, b, sb, c, sc, n, [](const Vec& a, const Vec& b, const Vec& c) -> Vec { return expression; }); \
    break;
      CASES
#undef CASE
    }
  }

  // dims, shape, count of loads, each a place and its strides, count of operations, each a code, a register, three
  // operands and the store that it may write to at once or -1, count of stores, each a register, a place, strides and
  // whether it was written at once.
  void map(Reader r) {
    const int64_t dims = r.next();
    Words shape = r.take(dims);
    const int64_t count = r.next();
    Words loads = r.take(count * (1 + dims));
    const int64_t operations = r.next();
    Words ops = r.take(operations * 6);
    const int64_t stored = r.next();
    Words stores = r.take(stored * (3 + dims));
    const int64_t length = shape[dims - 1];
    int64_t* offset = offsets.data();
    for (int64_t i = 0; i < count; ++i) offset[i] = 0;
    for (int64_t i = 0; i < stored; ++i) offset[count + i] = 0;
    int64_t index[MAX_DIMS] = {};
    for (;;) {
      for (int64_t first = 0; first < length; first += BLOCK) {
        const int64_t n = std::min(BLOCK, length - first);
        for (int64_t i = 0; i < count; ++i) {
          Words load = loads + i * (1 + dims);
          const int64_t step = load[dims];
          Vec* from = at(load[0]) + offset[i] + first * step;
          if (step == 0 || step == 1) {
            registers[i] = from;
            steps[i] = step;
          } else {
            Vec* to = scratch.data() + i * BLOCK;
            for (int64_t k = 0; k < n; ++k) to[k] = from[k * step];
            registers[i] = to;
            steps[i] = 1;
          }
        }
        for (int64_t o = 0; o < operations; ++o) {
          Words op = ops + o * 6;
          Vec* to = scratch.data() + op[1] * BLOCK;
          if (op[5] >= 0) {
            Words store = stores + op[5] * (3 + dims);
            to = at(store[1]) + offset[count + op[5]] + first;
          }
          compute(op[0], to, registers[op[2]], steps[op[2]], registers[op[3]], steps[op[3]], registers[op[4]],
                  steps[op[4]], n);
          registers[op[1]] = to;
          steps[op[1]] = 1;
        }
        for (int64_t s = 0; s < stored; ++s) {
          Words store = stores + s * (3 + dims);
          if (store[2 + dims]) continue;
          const int64_t step = store[1 + dims];
          Vec* to = at(store[1]) + offset[count + s] + first * step;
          const Vec* from = registers[store[0]];
          const int64_t own = steps[store[0]];
          for (int64_t k = 0; k < n; ++k) to[k * step] = from[k * own];
        }
      }
      int64_t d = dims - 2;
      for (; d >= 0; --d) {
        for (int64_t i = 0; i < count; ++i) offset[i] += loads[i * (1 + dims) + 1 + d];
        for (int64_t s = 0; s < stored; ++s) offset[count + s] += stores[s * (3 + dims) + 2 + d];
        if (++index[d] < shape[d]) break;
        for (int64_t i = 0; i < count; ++i) offset[i] -= loads[i * (1 + dims) + 1 + d] * shape[d];
        for (int64_t s = 0; s < stored; ++s) offset[count + s] -= stores[s * (3 + dims) + 2 + d] * shape[d];
        index[d] = 0;
      }
      if (d < 0) return;
    }
  }

  // One tile of a product, kept in registers while it is summed.
  template <int M, int N>
  static inline __attribute__((always_inline)) void tile(const Raw* a, const Raw* b, Raw* c, int64_t k, int64_t a0,
                                                         int64_t a1, int64_t b0, int64_t b1, int64_t c0, int64_t c1) {
    Raw sum[M][N] = {}, other[N];
    for (int64_t t = 0; t < k; ++t, a += a1, b += b0) {
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) held(other[j] = b[j * b1]);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
        Raw own = a[i * a0];
        held(own);
#pragma GCC unroll 8
        for (int j = 0; j < N; ++j) sum[i][j] += own * other[j];
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) c[i * c0 + j * c1] = sum[i][j];
  }

  template <int M>
  static __attribute__((noinline)) void rows(const Raw* a, const Raw* b, Raw* c, int64_t n, int64_t k, int64_t a0,
                                             int64_t a1, int64_t b0, int64_t b1, int64_t c0, int64_t c1) {
    int64_t j = 0;
    for (; j + 4 <= n; j += 4) tile<M, 4>(a, b + j * b1, c + j * c1, k, a0, a1, b0, b1, c0, c1);
    switch (n - j) {
      case 3: tile<M, 3>(a, b + j * b1, c + j * c1, k, a0, a1, b0, b1, c0, c1); break;
      case 2: tile<M, 2>(a, b + j * b1, c + j * c1, k, a0, a1, b0, b1, c0, c1); break;
      case 1: tile<M, 1>(a, b + j * b1, c + j * c1, k, a0, a1, b0, b1, c0, c1); break;
    }
  }

  // m, n, k, and of both factors and the product a place and two strides.
  void product(Reader r) {
    const int64_t m = r.next(), n = r.next(), k = r.next();
    const Raw* a = (const Raw*)at(r.next());
    const int64_t a0 = r.next(), a1 = r.next();
    const Raw* b = (const Raw*)at(r.next());
    const int64_t b0 = r.next(), b1 = r.next();
    Raw* c = (Raw*)at(r.next());
    const int64_t c0 = r.next(), c1 = r.next();
    if (n == 1 && m >= 8) {
      int64_t i = 0;
      for (; i + 8 <= m; i += 8) tile<8, 1>(a + i * a0, b, c + i * c0, k, a0, a1, b0, b1, c0, c1);
      for (; i < m; ++i) tile<1, 1>(a + i * a0, b, c + i * c0, k, a0, a1, b0, b1, c0, c1);
      return;
    }
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) rows<4>(a + i * a0, b, c + i * c0, n, k, a0, a1, b0, b1, c0, c1);
    switch (m - i) {
      case 3: rows<3>(a + i * a0, b, c + i * c0, n, k, a0, a1, b0, b1, c0, c1); break;
      case 2: rows<2>(a + i * a0, b, c + i * c0, n, k, a0, a1, b0, b1, c0, c1); break;
      case 1: rows<1>(a + i * a0, b, c + i * c0, n, k, a0, a1, b0, b1, c0, c1); break;
    }
  }

  template <class F>
  static inline Vec folded(const Vec* x, int64_t dims, Words shape, Words strides, Vec start, F add) {
    if (dims == 1) {
      const int64_t n = shape[0], step = strides[0];
      for (int64_t i = 0; i < n; ++i) start = add(start, x[i * step]);
      return start;
    }
    const Words of[1] = {strides};
    nest(dims, shape, of, [&](const int64_t* at) { start = add(start, x[at[0]]); });
    return start;
  }

  // kind, places of two constants (of a variance: how many, and what to divide by), dims left, shape, place and strides
  // of the source, place and strides of the result, dims summed over, their shape and strides.
  void reduce(Reader r) {
    const int64_t kind = r.next();
    const Vec count = *at(r.next()), divisor = *at(r.next());
    const int64_t dims = r.next();
    Words shape = r.take(dims);
    const Vec* x = at(r.next());
    Words from = r.take(dims);
    Vec* out = at(r.next());
    Words to = r.take(dims);
    const int64_t over = r.next();
    Words lengths = r.take(over), strides = r.take(over);
    const T inf = std::numeric_limits<T>::infinity();
    const auto plus = [](Vec a, Vec b) { return a + b; };
    const Words both[2] = {from, to};
    nest(dims, shape, both, [&](const int64_t* place) {
      const Vec* own = x + place[0];
      Vec found;
      switch (kind) {
        case SUM: found = folded(own, over, lengths, strides, Vec(T(0)), plus); break;
        case PROD: found = folded(own, over, lengths, strides, Vec(T(1)), [](Vec a, Vec b) { return a * b; }); break;
        case MAX:
          found = folded(own, over, lengths, strides, Vec(-inf), [](Vec a, Vec b) { return at::vec::maximum(a, b); });
          break;
        case MIN:
          found = folded(own, over, lengths, strides, Vec(inf), [](Vec a, Vec b) { return at::vec::minimum(a, b); });
          break;
        default: {
          const Vec mean = folded(own, over, lengths, strides, Vec(T(0)), plus) / count;
          const auto square = [&](Vec a, Vec b) { return at::vec::fmadd(b - mean, b - mean, a); };
          found = folded(own, over, lengths, strides, Vec(T(0)), square) / divisor;
        }
      }
      out[place[1]] = found;
    });
  }

  // Gather and scatter, each lane by an index of its own. An index out of range gives NaN, so that the replicate is
  // seen to fail.
  static bool within(T which, int64_t length) { return which >= T(0) && which < T(length); }

  // dims, shape, of which entries, source and result a place and strides, the source's stride and length where chosen.
  void gather(Reader r) {
    const int64_t dims = r.next();
    Words shape = r.take(dims);
    const Vec* which = at(r.next());
    Words by = r.take(dims);
    const Vec* source = at(r.next());
    Words from = r.take(dims);
    Vec* out = at(r.next());
    Words to = r.take(dims);
    const int64_t stride = r.next(), length = r.next();
    const Words all[3] = {by, from, to};
    nest(dims, shape, all, [&](const int64_t* place) {
      const Vec* own = source + place[1];
      const T* chosen = lanes(which + place[0]);
      Vec found(std::numeric_limits<T>::quiet_NaN());
      for (int l = 0; l < LANES; ++l)
        if (within(chosen[l], length)) lanes(&found)[l] = lanes(own + int64_t(chosen[l]) * stride)[l];
      out[place[2]] = found;
    });
  }

  // dims, shape, of which entries and result a place and strides, the result's stride and length where chosen, and the
  // place of the constant that is put there.
  void scatter(Reader r) {
    const int64_t dims = r.next();
    Words shape = r.take(dims);
    const Vec* which = at(r.next());
    Words by = r.take(dims);
    Vec* out = at(r.next());
    Words to = r.take(dims);
    const int64_t stride = r.next(), length = r.next();
    const T value = lanes(at(r.next()))[0];
    const Words both[2] = {by, to};
    nest(dims, shape, both, [&](const int64_t* place) {
      const T* chosen = lanes(which + place[0]);
      Vec* own = out + place[1];
      for (int l = 0; l < LANES; ++l)
        if (within(chosen[l], length)) lanes(own + int64_t(chosen[l]) * stride)[l] = value;
        else lanes(own)[l] = std::numeric_limits<T>::quiet_NaN();
    });
  }

  // Tables of a product: of the first factor by row and term, of the second by column and term, of the result.
  struct Tables {
    Words rows, at, columns, bt;
    int64_t terms;
    Words down, right;
  };

  // One tile of a product by tables, kept in registers while it is summed.
  template <int M, int N>
  static inline __attribute__((always_inline)) void tabled(const Raw* a, const Raw* b, Raw* c, const Raw* start,
                                                           bool more, int64_t j0, const Tables& of) {
    const Raw* left[M];
    const Raw* top[N];
    Raw sum[M][N], other[N];
    for (int i = 0; i < M; ++i) left[i] = a + of.rows[i];
    for (int j = 0; j < N; ++j) top[j] = b + of.columns[j0 + j];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) sum[i][j] = more ? c[of.down[i] + of.right[j0 + j]] : start ? start[i] : Raw{};
    for (int64_t t = 0; t < of.terms; ++t) {
      const int64_t p = of.at[t], q = of.bt[t];
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) held(other[j] = top[j][q]);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
        Raw own = left[i][p];
        held(own);
#pragma GCC unroll 8
        for (int j = 0; j < N; ++j) sum[i][j] += own * other[j];
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) c[of.down[i] + of.right[j0 + j]] = sum[i][j];
  }

  template <int M>
  static __attribute__((noinline)) void tiles(const Raw* a, const Raw* b, Raw* c, const Raw* start, bool more,
                                              int64_t n, const Tables& of) {
    int64_t j = 0;
    for (; j + 4 <= n; j += 4) tabled<M, 4>(a, b, c, start, more, j, of);
    switch (n - j) {
      case 3: tabled<M, 3>(a, b, c, start, more, j, of); break;
      case 2: tabled<M, 2>(a, b, c, start, more, j, of); break;
      case 1: tabled<M, 1>(a, b, c, start, more, j, of); break;
    }
  }

  // Samples, rows, columns, terms; of the first factor a place, the distance of samples, tables of rows and terms; of
  // the image a place and the distance of samples, the place of its frame, how many vectors are copied, from where and
  // to where; tables of columns and terms in the frame; of the result a place, the distance of samples, tables of rows
  // and columns; whether there is a bias, and its place. Where samples have one result they add up in it.
  void convolve(Reader r) {
    const int64_t batch = r.next(), m = r.next(), n = r.next(), terms = r.next();
    const Raw* a = (const Raw*)at(r.next());
    const int64_t a_step = r.next();
    Words rows = r.take(m), a_terms = r.take(terms);
    const Vec* image = at(r.next());
    const int64_t image_step = r.next();
    Vec* frame = at(r.next());
    const int64_t copied = r.next();
    Words from = r.take(copied), to = r.take(copied), columns = r.take(n), b_terms = r.take(terms);
    Raw* c = (Raw*)at(r.next());
    const int64_t c_step = r.next();
    Words down = r.take(m), right = r.take(n);
    const bool biased = r.next();
    const Raw* bias = (const Raw*)at(r.next());
    const Raw* b = (const Raw*)frame;
    for (int64_t s = 0; s < batch; ++s, a += a_step, image += image_step, c += c_step) {
      for (int64_t i = 0; i < copied; ++i) frame[to[i]] = image[from[i]];
      for (int64_t i = 0; i < m; i += 4)
        for (int64_t t = 0; t < terms; t += TERMS) {
          const bool more = t > 0 || (s > 0 && c_step == 0);
          const Tables own{rows + i, a_terms + t, columns, b_terms + t, std::min(TERMS, terms - t), down + i, right};
          const Raw* start = biased ? bias + i : nullptr;
          switch (std::min<int64_t>(4, m - i)) {
            case 4: tiles<4>(a, b, c, start, more, n, own); break;
            case 3: tiles<3>(a, b, c, start, more, n, own); break;
            case 2: tiles<2>(a, b, c, start, more, n, own); break;
            case 1: tiles<1>(a, b, c, start, more, n, own); break;
          }
        }
    }
  }

  // Kind: largest number, its place in the window, mean; samples and channels; of image and result a place and the distances
  // of samples and channels; how many windows, where each begins and where its result is; how many pixels, and where.
  void pool(Reader r) {
    const int64_t kind = r.next(), batch = r.next(), channels = r.next();
    const Vec* x = at(r.next());
    const int64_t xn = r.next(), xc = r.next();
    Vec* out = at(r.next());
    const int64_t on = r.next(), oc = r.next(), windows = r.next();
    Words begins = r.take(windows), ends = r.take(windows);
    const int64_t pixels = r.next();
    Words entries = r.take(pixels);
    const Vec count(static_cast<T>(pixels));
    for (int64_t s = 0; s < batch; ++s)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t w = 0; w < windows; ++w) {
          const Vec* own = x + s * xn + c * xc + begins[w];
          Vec most = own[entries[0]], place(T(0));
          if (kind == 2) {
            for (int64_t k = 1; k < pixels; ++k) most = most + own[entries[k]];
            out[s * on + c * oc + ends[w]] = most / count;
            continue;
          }
          for (int64_t k = 1; k < pixels; ++k) {
            const Vec v = own[entries[k]];
            const Vec more = (v > most) | (v != v);
            most = chosen(more, v, most);
            place = chosen(more, Vec(T(k)), place);
          }
          out[s * on + c * oc + ends[w]] = kind ? place : most;
        }
  }

  // Whether all pixels share evenly; samples and channels; of the gradient, of places in windows and of the result a place
  // and the distances of samples and channels; how many windows, where each begins in the result, and where it is in the other two; how many pixels,
  // and where. The result holds zeros before.
  void unpool(Reader r) {
    const bool evenly = r.next();
    const int64_t batch = r.next(), channels = r.next();
    const Vec* g = at(r.next());
    const int64_t gn = r.next(), gc = r.next();
    const Vec* which = at(r.next());
    const int64_t wn = r.next(), wc = r.next();
    Vec* out = at(r.next());
    const int64_t on = r.next(), oc = r.next(), windows = r.next();
    Words begins = r.take(windows), of_g = r.take(windows), of_which = r.take(windows);
    const int64_t pixels = r.next();
    Words entries = r.take(pixels);
    for (int64_t s = 0; s < batch; ++s)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t w = 0; w < windows; ++w) {
          const Vec own = g[s * gn + c * gc + of_g[w]], place = which[s * wn + c * wc + of_which[w]];
          const Vec share = own / Vec(T(pixels));
          Vec* to = out + s * on + c * oc + begins[w];
          for (int64_t k = 0; k < pixels; ++k)
            to[entries[k]] = to[entries[k]] + (evenly ? share : chosen(place == Vec(T(k)), own, Vec(T(0))));
        }
  }

  void step(Words code, int64_t length) {
    for (Words end = code + length; code < end; code += code[1]) {
      Reader r{code + 2};
      switch (code[0]) {
        case MAP: map(r); break;
        case PRODUCT: product(r); break;
        case REDUCE: reduce(r); break;
        case GATHER: gather(r); break;
        case SCATTER: scatter(r); break;
        case CONVOLVE: convolve(r); break;
        case POOL: pool(r); break;
        case UNPOOL: unpool(r); break;
      }
    }
  }
};

// Types of numbers in tensors, in the order of paribus/engines/simd/steps.py.
template <class F>
inline void typed(int64_t type, const void* data, F f) {
  switch (type) {
    case 0: f((const float*)data); break;
    case 1: f((const double*)data); break;
    case 2: f((const int64_t*)data); break;
    case 3: f((const int32_t*)data); break;
    case 4: f((const uint8_t*)data); break;
    case 5: f((const bool*)data); break;
  }
}

// A tensor (replicate, count) into vectors and back; lanes beyond the last replicate repeat it and are not stored.
template <class T, class S>
inline void load(const S* from, const int64_t* replicate, int64_t count, at::vec::Vectorized<T>* to) {
  T* all = (T*)to;
  constexpr int LANES = at::vec::Vectorized<T>::size();
  for (int l = 0; l < LANES; ++l) {
    const S* own = from + replicate[l] * count;
    for (int64_t i = 0; i < count; ++i) all[i * LANES + l] = T(own[i]);
  }
}

template <class T, class S>
inline void store(const at::vec::Vectorized<T>* from, int64_t first, int valid, int64_t count, S* to) {
  const T* all = (const T*)from;
  constexpr int LANES = at::vec::Vectorized<T>::size();
  for (int l = 0; l < valid; ++l) {
    S* own = to + (first + l) * count;
    for (int64_t i = 0; i < count; ++i) own[i] = S(all[i * LANES + l]);
  }
}

// A sample, prepared in the type of A, which is not that of its vectors: filled, shifted and scaled, so many numbers one
// after the other alike, and all over again after so many ways.
template <class T, class S, class A>
inline void prepared(const S* x, const A* fill, const A* shift, const A* scale, bool missing, int64_t width,
                     int64_t alike, int64_t ways, T* to) {
  int64_t way = 0, run = 0;
  for (int64_t f = 0; f < width; ++f) {
    A v = A(x[f]);
    if (missing) v = v != v ? fill[way] : v;
    to[f] = T((v - shift[way]) * scale[way]);
    if (++run == alike) {
      run = 0;
      if (++way == ways) way = 0;
    }
  }
}

// One source of samples: type and number of its tensor, numbers of a sample, number of the tensor of starts or -1,
// place of its vectors, type of its preparation or -1, number of the tensor of what fills it, whether any is missing,
// how many numbers are alike, and in how many ways.
template <class T>
struct Source {
  using Vec = at::vec::Vectorized<T>;
  static constexpr int LANES = Vec::size();
  static constexpr int WORDS = 10;

  Words words;
  void* const* tensors;
  std::vector<T> each;
  std::vector<Vec> fill, shift, scale;

  Source(Words words, void* const* tensors) : words(words), tensors(tensors), each(LANES * words[2]) {}

  // True where samples are prepared as vectors, in the type that they have then.
  bool as_vectors() const { return words[5] == (sizeof(T) == sizeof(float) ? 0 : 1); }

  void begin(const int64_t* replicate) {
    if (!as_vectors()) return;
    for (int part = 0; part < 3; ++part) {
      std::vector<Vec>& into = part == 0 ? fill : part == 1 ? shift : scale;
      into.resize(words[9]);
      load<T>((const T*)tensors[words[6] + part], replicate, words[9], into.data());
    }
  }

  void pick(const int64_t* rows, const int64_t* replicate, int64_t batch, Vec* memory) {
    const int64_t width = words[2];
    typed(words[0], tensors[words[1]], [&](const auto* raw) {
      for (int64_t b = 0; b < batch; ++b) {
        for (int l = 0; l < LANES; ++l) {
          int64_t row = rows[replicate[l] * batch + b];
          if (words[3] >= 0) row += ((const int64_t*)tensors[words[3]])[replicate[l]];
          read(raw + row * width, replicate[l], each.data() + l * width);
        }
        Vec* to = memory + words[4] + b * width;
        for (int64_t f = 0; f < width; f += LANES) {
          const int64_t n = std::min<int64_t>(LANES, width - f);
          at::vec::transpose_mxn<T>(each.data() + f, width, (T*)(to + f), LANES, LANES, n);
        }
        if (as_vectors()) prepare(to);
      }
    });
  }

 private:
  template <class S>
  void read(const S* x, int64_t replicate, T* to) {
    const int64_t width = words[2], first = words[6], from = replicate * words[9];
    if (words[5] < 0 || as_vectors()) {
      for (int64_t f = 0; f < width; ++f) to[f] = T(x[f]);
      return;
    }
    const auto given = [&](auto* a, auto* b, auto* c) {
      prepared<T>(x, a + from, b + from, c + from, words[7] != 0, width, words[8], words[9], to);
    };
    if (words[5] == 0)
      given((const float*)tensors[first], (const float*)tensors[first + 1], (const float*)tensors[first + 2]);
    else
      given((const double*)tensors[first], (const double*)tensors[first + 1], (const double*)tensors[first + 2]);
  }

  void prepare(Vec* x) {
    const int64_t width = words[2], alike = words[8], ways = words[9];
    for (int64_t f = 0, way = 0; f < width; way = way + 1 == ways ? 0 : way + 1)
      for (const int64_t end = f + alike; f < end; ++f) {
        Vec v = x[f];
        if (words[7]) v = Vec::blendv(v, fill[way], v != v);
        x[f] = (v - shift[way]) * scale[way];
      }
  }
};

// Header: vectors of memory, registers, count of constants; count of what steps change, each a type, count and place;
// the same of what is constant; of what is given step by step; number of the tensor of rows, batch, count of sources,
// each ten words; place of the loss. Then the instructions.
template <class T>
void run(Words program, int64_t words, const double* values, int64_t replicates, int64_t steps, void* const* tensors) {
  using Vec = at::vec::Vectorized<T>;
  constexpr int LANES = Vec::size();
  Reader r{program};
  std::vector<Vec> memory(r.next());
  Machine<T> machine;
  const int64_t registers = r.next();
  machine.scratch.resize(registers * BLOCK);
  machine.registers.resize(registers);
  machine.steps.resize(registers);
  machine.offsets.resize(registers + 64);
  std::vector<Vec> constants(r.next());
  // Each a number and whether it is a truth value, which is a mask.
  for (size_t i = 0; i < constants.size(); ++i)
    constants[i] = values[2 * i + 1] ? Machine<T>::truth(values[2 * i] != 0) : Vec(T(values[2 * i]));
  machine.memory = memory.data();
  machine.constants = constants.data();
  const int64_t changed = r.next();
  Words changing = r.take(3 * changed);
  const int64_t held = r.next();
  Words holding = r.take(3 * held);
  const int64_t given = r.next();
  Words giving = r.take(3 * given);
  const int64_t of_rows = r.next(), batch = r.next(), count = r.next();
  std::vector<Source<T>> sources;
  for (int64_t s = 0; s < count; ++s) sources.emplace_back(r.take(Source<T>::WORDS), tensors);
  const int64_t loss = r.next();
  Words code = r.at;
  const int64_t length = words - (code - program);
  const int64_t* rows = (const int64_t*)tensors[of_rows];
  T* losses = (T*)tensors[of_rows + 1];
  for (int64_t first = 0; first < replicates; first += LANES) {
    const int valid = int(std::min<int64_t>(LANES, replicates - first));
    int64_t replicate[LANES];
    for (int l = 0; l < LANES; ++l) replicate[l] = first + std::min(l, valid - 1);
    const auto loaded = [&](Words what, int64_t tensor, int64_t from) {
      typed(what[0], tensors[tensor], [&](const auto* x) {
        load<T>(x + from * what[1], replicate, what[1], memory.data() + what[2]);
      });
    };
    for (int64_t i = 0; i < changed; ++i) loaded(changing + 3 * i, i, 0);
    for (int64_t i = 0; i < held; ++i) loaded(holding + 3 * i, changed + i, 0);
    for (auto& source : sources) source.begin(replicate);
    for (int64_t k = 0; k < steps; ++k) {
      for (int64_t i = 0; i < given; ++i) loaded(giving + 3 * i, changed + held + i, k * replicates);
      for (auto& source : sources) source.pick(rows + k * replicates * batch, replicate, batch, memory.data());
      machine.step(code, length);
      store<T>(machine.at(loss), first, valid, 1, losses + k * replicates);
    }
    for (int64_t i = 0; i < changed; ++i) {
      Words what = changing + 3 * i;
      typed(what[0], tensors[i], [&](const auto* x) {
        using S = std::remove_const_t<std::remove_pointer_t<decltype(x)>>;
        store<T>(memory.data() + what[2], first, valid, what[1], (S*)x);
      });
    }
  }
}

}  // namespace

extern "C" void paribus_steps(const int64_t* program, int64_t words, const double* constants, int64_t replicates,
                              int64_t steps, void* const* tensors) {
  run<NUMBER>(program, words, constants, replicates, steps, tensors);
}
